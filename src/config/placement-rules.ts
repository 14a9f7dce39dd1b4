/**
 * The rules of what chooses a version before the split does: what no request can meet, what can't be compiled, what no browser would take.
 */
import { parseDurationMs } from '../core/duration.ts'
import { LinearPattern } from '../core/linear-pattern.ts'
import { checkCidrs } from './address-rules.ts'
import { fault, findDuplicates, findUnreadable, warning, type ConfigPath, type Finding } from './finding.ts'
import type { AffinityConfig, OverridesConfig, VersionConfig } from './schema.ts'

export type VersionMatchConfig = NonNullable<VersionConfig['match']>
/** One entry of it. @public */
export type MatchEntryConfig = Exclude<VersionMatchConfig, readonly unknown[]>

type TextConfig = NonNullable<MatchEntryConfig['path']>

/** RFC 6265 section 5.2.2, and what browsers keep at most. */
const MAX_COOKIE_AGE_MS = 400 * 24 * 3_600_000

/** Its entries, whichever way they are written. */
export function matchEntries (match: VersionMatchConfig): readonly MatchEntryConfig[] {
  return Array.isArray(match) ? match : [match]
}

export function checkVersionMatch (match: VersionMatchConfig | undefined, path: ConfigPath): readonly Finding[] {
  if (match === undefined) return []
  return matchEntries(match).flatMap((entry, index) => checkEntry(entry, Array.isArray(match) ? [...path, index] : path))
}

function checkEntry (entry: MatchEntryConfig, path: ConfigPath): readonly Finding[] {
  const { headers = [], cookies = [], query = [] } = entry
  const alone = entry.alwaysNever === undefined || Object.keys(entry).length === 1
  return [
    ...(alone ? [] : [fault([...path, 'alwaysNever'], 'stands beside other conditions; give it an entry of its own')]),
    ...(['path', 'host'] as const).flatMap(key => entry[key] === undefined ? [] : checkText(entry[key], [...path, key])),
    ...Object.entries({ headers, cookies, query }).flatMap(([key, tests]) =>
      tests.flatMap((test, index) => checkText(test, [...path, key, index]))),
    ...cookies.flatMap(({ name }, index) => checkName(name, 'weir-version', [...path, 'cookies', index])),
    ...headers.flatMap(({ name }, index) => checkName(name.toLowerCase(), 'x-weir-version', [...path, 'headers', index])),
    ...(entry.host?.value === undefined || entry.host.value === entry.host.value.toLowerCase()
      ? []
      : [fault([...path, 'host', 'value'], `can never match: hosts are compared in lower case; write ${entry.host.value.toLowerCase()}`)])
  ]
}

const OVERRIDE_HINT = 'is that of an override, which `overrides` is for'

function checkName (name: string, override: string, path: ConfigPath): readonly Finding[] {
  return name === override ? [fault([...path, 'name'], OVERRIDE_HINT)] : []
}

function checkText (test: TextConfig, path: ConfigPath): readonly Finding[] {
  const { value, prefix, regex } = test
  return [
    ...(value === undefined ? [] : checkReachable(value, [...path, 'value'])),
    ...(prefix === undefined ? [] : checkReachable(prefix, [...path, 'prefix'])),
    ...(regex === undefined ? [] : findUnreadable([...path, 'regex'], () => new LinearPattern(regex)))
  ]
}

function checkReachable (text: string, path: ConfigPath): readonly Finding[] {
  const canArrive = text.isWellFormed() && ![...text].some(character => (character < ' ' && character !== '\t') || character === '\u007f')
  return canArrive ? [] : [fault(path, 'can never match: requests have no control characters')]
}

export function checkOverrides ({ keyFiles, trustedNetworks }: OverridesConfig, path: ConfigPath): readonly Finding[] {
  return [
    ...checkCidrs(trustedNetworks, [...path, 'trustedNetworks']),
    ...findDuplicates(keyFiles, index => [...path, 'keyFiles', index], first => `is the same as ${first}; name each file once`),
    ...trustedNetworks.flatMap((network, index) => /\/0$/.test(network)
      ? [warning([...path, 'trustedNetworks', index], 'lets everybody choose a version')]
      : [])
  ]
}

export function checkIssuedCookie ({ by, cookie, level, issue }: AffinityConfig, path: ConfigPath): readonly Finding[] {
  if (issue === undefined) return []
  const { name, path: cookiePath, secure, sameSite, maxAge } = issue
  if (by !== 'cookie') return [fault(path, 'is not used: with it, write `by: cookie`')]
  return [
    ...(name === cookie ? [fault([...path, 'name'], 'is the cookie of the application, `affinity.cookie`; give the one of Weir another name')] : []),
    ...(name === 'weir-version' ? [fault([...path, 'name'], OVERRIDE_HINT)] : []),
    ...(sameSite === 'None' && secure === 'never' ? [fault([...path, 'sameSite'], 'is `None`, and browsers take such a cookie with Secure alone; `secure` is `never`')] : []),
    ...(/^__(Host|Secure)-/i.test(name) && secure !== 'always' ? [fault([...path, 'name'], 'has a prefix with which browsers take it with Secure alone; write `secure: always`')] : []),
    ...(/^__Host-/i.test(name) && cookiePath !== '/' ? [fault([...path, 'path'], 'must be `/` for a cookie whose name begins with `__Host-`')] : []),
    ...(parseDurationMs(maxAge) > MAX_COOKIE_AGE_MS ? [fault([...path, 'maxAge'], 'must be at most 9600h: browsers keep no cookie longer')] : []),
    ...(parseDurationMs(maxAge) % 1_000 === 0 ? [] : [fault([...path, 'maxAge'], 'must be whole seconds')]),
    ...(level === 'endpoint' ? [warning([...path.slice(0, -1), 'level'], 'is `endpoint`: the version of a first answer stays, its endpoint may change once')] : [])
  ]
}
