/**
 * What the API server says of a request that it refuses, made fit for logs and for the answers of the admin API.
 */
import { asObject, asText, parseJson } from '../core/untrusted.ts'
import { KubeError } from './kube-api.ts'

/** An answer that is neither 200 nor 201. */
export interface RefusedAnswer {
  readonly status: number
  /** Of the status line. */
  readonly reason: string
  /** A Status, plain text (429, 404 of a group) or anything else. */
  readonly body: string
  readonly retryAfter: string | undefined
}

const MAX_TEXT_LENGTH = 300
/** Bearer tokens, and the JSON Web Tokens that those of ServiceAccounts are (RFC 7519). */
const TOKENS = /\bBearer\s+\S+|\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*/gi
const FORBIDDEN = 403

/** What a server says: at most 300 characters in one line that can be printed, without tokens. */
export function serverText (text: string): string {
  const line = text.slice(0, 4 * MAX_TEXT_LENGTH).replaceAll(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').replaceAll(TOKENS, '[token]').trim()
  return line.slice(0, MAX_TEXT_LENGTH).toWellFormed()
}

export function refusalOfServer ({ status, reason, body, retryAfter }: RefusedAnswer): KubeError {
  const said = readStatus(body)
  const detail = serverText(said ?? (body.trim() === '' ? reason : body))
  // A quota is a matter of admission and not of RBAC.
  const hint = status === FORBIDDEN && !detail.includes('quota') ? '; does the Role of Weir allow it?' : ''
  return new KubeError(status === 410 ? 'gone' : 'status', `the Kubernetes API answered ${status}: ${detail}${hint}`, {
    status, retryAfterMs: retryAfterMs(retryAfter), isStatus: said !== undefined
  })
}

/** The message of a Status (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/), undefined for anything else. */
function readStatus (body: string): string | undefined {
  return asText(asObject(parseJson(body))?.['message'])
}

/** RFC 9110 section 10.2.3, in seconds only: API servers send no dates. */
function retryAfterMs (value: string | undefined): number | undefined {
  return value !== undefined && /^[0-9]{1,6}$/.test(value) ? Number(value) * 1_000 : undefined
}
