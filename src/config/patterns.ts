/**
 * The patterns of the configuration's texts, and what to tell a person whose text does not match.
 */
import { DURATION_PATTERN } from '../core/duration.ts'

export const NAME_PATTERN = '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$'
export const HOST_PATTERN = '^(\\*\\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$|^\\[[0-9a-fA-F:.]+\\]$|^\\*$'
export const HOST_AND_PORT_PATTERN = '^([A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|\\[[0-9a-fA-F:.]+\\])(:[0-9]{1,5})?$'
export const PATH_PATTERN = '^/'
/** What may come in the place of the beginning of a path. */
export const REPLACEMENT_PATTERN = '^(/|$)'
/** RFC 9110 section 9.1: a method is a token. */
export const METHOD_PATTERN = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}$"
/** RFC 9110 section 5.1: a field name is a token. So is a cookie's name: RFC 6265 section 4.1.1. */
export const FIELD_NAME_PATTERN = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$"
/** RFC 9110 section 7.8. Other versions of HTTP are no tunnels: a request smuggled through one would be seen by nobody. */
export const UPGRADE_PATTERN = "^(?![hH](2|[tT][tT][pP]))[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}(/[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32})?$"
/** RFC 1035 label: what Kubernetes allows as the name of a Service. */
export const SERVICE_PATTERN = '^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$'
/** RFC 6335 section 5.1: the name of a port has up to 15 characters. */
export const PORT_NAME_PATTERN = '^[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$'
/** RFC 1123 label. */
export const NAMESPACE_PATTERN = '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'
/** RFC 1123 subdomain, which takes 253 characters at most. */
export const OBJECT_NAME_PATTERN = '^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'
/**
 * The value of a label (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set), which may be
 * empty; the name in its key is the same and may not.
 */
export const LABEL_VALUE_PATTERN = '^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$'
/** The name of a node, or nothing. */
export const NODE_PATTERN = `^$|${OBJECT_NAME_PATTERN}`
/** A share as people write it: `0.5%`. */
export const PERCENTAGE_PATTERN = '^[0-9]{1,3}(\\.[0-9]{1,9})? ?%$'
/** Statuses: one, a range, a class. */
export const STATUSES_PATTERN = '^[2-5]([0-9]{2}(-[2-5][0-9]{2})?|xx|XX)$'

/** RFC 6901: segments, each with its slash. */
export const JSON_POINTER_PATTERN = '^(/([^~/]|~[01])*)+$'
/** The Path of a cookie: no character that would end it (RFC 6265 section 4.1.1). */
export const COOKIE_PATH_PATTERN = '^/[!-:<-~]*$'

/** For each pattern, what completes "must be …". */
export const PATTERN_TEXTS: ReadonlyMap<string, string> = new Map([
  [DURATION_PATTERN, 'a duration: a whole number and a unit, such as 250ms, 5s, 2m or 1h'],
  [NAME_PATTERN, 'a name of 1 to 63 lower-case letters, digits, `.`, `_` and `-` that starts and ends with a letter or digit'],
  [HOST_PATTERN, 'a host without scheme, port or path, such as `example.com`, `*.example.com` or `[fd00::1]`'],
  [HOST_AND_PORT_PATTERN, 'a host without scheme or path, with a port or without, such as `example.com` or `example.com:8080`'],
  [PERCENTAGE_PATTERN, 'a percentage in quotes such as `"0.5%"`'],
  [STATUSES_PATTERN, 'a range such as `"500-599"`, or a class such as `"5xx"`'],
  [PATH_PATTERN, 'a path that starts with `/`'],
  [COOKIE_PATH_PATTERN, 'a path that starts with `/` and has no `;`'],
  [REPLACEMENT_PATTERN, 'a path that starts with `/`, or empty'],
  [JSON_POINTER_PATTERN, 'a JSON Pointer such as `/items/*/id`, with `~1` for a slash in a name and `~0` for `~`'],
  [METHOD_PATTERN, 'a method such as `GET`'],
  [FIELD_NAME_PATTERN, "a name of 1 to 128 letters, digits and !#$%&'*+.^_`|~-"],
  [UPGRADE_PATTERN, 'a protocol such as `websocket`, and not a version of HTTP'],
  [SERVICE_PATTERN, 'the name of a Kubernetes Service: up to 63 lower-case letters, digits and `-`, starting with a letter'],
  [PORT_NAME_PATTERN, 'the name of a port: up to 15 lower-case letters, digits and `-`'],
  [NAMESPACE_PATTERN, 'the name of a Kubernetes namespace: up to 63 lower-case letters, digits and `-`'],
  [LABEL_VALUE_PATTERN, 'the name of a zone: up to 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit'],
  [NODE_PATTERN, 'the name of a node: up to 253 lower-case letters, digits, `-` and `.`'],
  [OBJECT_NAME_PATTERN, 'the name of a Kubernetes object: up to 253 lower-case letters, digits, `-` and `.`']
])
