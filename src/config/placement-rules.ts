/**
 * The rules of what chooses a version before the split does: what no request can meet, what can't be compiled, what no browser would take.
 */
import { parseDurationMs } from '../core/duration.ts'
import { PlanFaults } from '../plans/plan-faults.ts'
import { readMatch } from '../plans/read-match.ts'
import { checkCidrs } from './address-rules.ts'
import { fault, findDuplicates, readPath, warning, type ConfigPath, type Finding } from './finding.ts'
import { checkRecognisable } from './recognition-rules.ts'
import type { AffinityConfig, OverridesConfig, VersionConfig } from './schema.ts'

type VersionMatchConfig = NonNullable<VersionConfig['match']>

/** RFC 6265 section 5.2.2, and what browsers keep at most. */
const MAX_COOKIE_AGE_MS = 400 * 24 * 3_600_000

/** It is read as a match of a rollout's step is. */
export function checkVersionMatch (match: VersionMatchConfig | undefined, path: ConfigPath): readonly Finding[] {
  if (match === undefined) return []
  const faults = new PlanFaults()
  void readMatch(match, '', faults)
  return faults.list().map(({ place, message }) => fault([...path, ...readPath(place)], message))
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
    ...checkRecognisable('cookie', name, [...path, 'name']),
    ...(sameSite === 'None' && secure === 'never' ? [fault([...path, 'sameSite'], 'is `None`, and browsers take such a cookie with Secure alone; `secure` is `never`')] : []),
    ...(/^__(Host|Secure)-/i.test(name) && secure !== 'always' ? [fault([...path, 'name'], 'has a prefix with which browsers take it with Secure alone; write `secure: always`')] : []),
    ...(/^__Host-/i.test(name) && cookiePath !== '/' ? [fault([...path, 'path'], 'must be `/` for a cookie whose name begins with `__Host-`')] : []),
    ...(parseDurationMs(maxAge) > MAX_COOKIE_AGE_MS ? [fault([...path, 'maxAge'], 'must be at most 9600h: browsers keep no cookie longer')] : []),
    ...(parseDurationMs(maxAge) % 1_000 === 0 ? [] : [fault([...path, 'maxAge'], 'must be whole seconds')]),
    ...(level === 'endpoint' ? [warning([...path.slice(0, -1), 'level'], 'is `endpoint`: the version of a first answer stays, its endpoint may change once')] : [])
  ]
}
