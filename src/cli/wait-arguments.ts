/**
 * The arguments of `weir wait`: what has to be there, and for how long to look.
 */
import { suggestion } from '../core/nearest-name.ts'
import { NAME_PATTERN, PATTERN_TEXTS } from '../config/patterns.ts'
import { parseDurationMs } from '../core/duration.ts'
import { parseTarget } from '../core/socket-address.ts'

/** One thing that is waited for. */
export type WaitCondition =
  | { readonly kind: 'tcp', readonly host: string, readonly port: number }
  | { readonly kind: 'http', readonly url: string }
  | { readonly kind: 'dns', readonly name: string }
  /** A version of a route has so many endpoints that get requests, as the admin API at `admin` says. */
  | {
    readonly kind: 'endpoints'
    readonly route: string
    readonly version: string
    readonly endpoints: number
    readonly admin: string
    readonly tokenFile: string | undefined
  }

export interface WaitRequest {
  /** At least one; they are waited for in this order. */
  readonly conditions: readonly WaitCondition[]
  readonly timeoutMs: number
  /** Nothing is printed but the failure. */
  readonly quiet: boolean
}

const DEFAULT_TIMEOUT = '5m'
const DEFAULT_ADMIN = 'http://127.0.0.1:9901'
const MAX_ENDPOINTS = 100_000

/** Flags with a value. Those that may be repeated each name something to wait for. */
const REPEATED = ['--tcp', '--http', '--dns'] as const
const SINGLE = ['--route', '--version', '--endpoints', '--admin', '--token-file', '--timeout'] as const
const QUIET = ['--quiet', '-q'] as const
/** They say more about --route. */
const OF_ROUTE = ['--version', '--endpoints', '--admin', '--token-file'] as const

/** Reads what stands behind `weir wait`; or says what is wrong with it, in one line. */
export function parseWait (args: readonly string[]): WaitRequest | { readonly fault: string } {
  try {
    return readWait(args)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { fault: error.message }
  }
}

/** @throws RangeError with the remedy */
function readWait (args: readonly string[]): WaitRequest {
  const conditions: WaitCondition[] = []
  const single = new Map<string, string>()
  let quiet = false
  for (const [name, value] of pairs(args)) {
    if (value === undefined) {
      quiet = true
    } else if (isOneOf(REPEATED, name)) {
      conditions.push(readCondition(name, value))
    } else {
      if (single.has(name)) throw new RangeError(`${name} is given twice; give it once`)
      single.set(name, value)
    }
  }
  const endpoints = readEndpoints(single)
  if (endpoints !== undefined) conditions.push(endpoints)
  if (conditions.length === 0) throw new RangeError('weir wait needs something to wait for: --tcp, --http, --dns, or --route with --version')
  return { conditions, timeoutMs: parseDurationMs(single.get('--timeout') ?? DEFAULT_TIMEOUT), quiet }
}

/** Flags with their values; those that mean --quiet have none. */
function * pairs (args: readonly string[]): Generator<readonly [string, string | undefined]> {
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? ''
    const equals = argument.indexOf('=')
    const name = equals === -1 ? argument : argument.slice(0, equals)
    if (isOneOf(QUIET, argument)) {
      yield [argument, undefined]
    } else if (isOneOf(REPEATED, name) || isOneOf(SINGLE, name)) {
      const value = equals === -1 ? args[++index] : argument.slice(equals + 1)
      if (value === undefined || value === '' || (equals === -1 && value.startsWith('--'))) throw new RangeError(`${name} needs a value`)
      yield [name, value]
    } else {
      throw new RangeError(unknown(name))
    }
  }
}

function readCondition (name: typeof REPEATED[number], value: string): WaitCondition {
  if (name === '--tcp') {
    const { host, port } = parseTarget(value)
    return { kind: 'tcp', host, port }
  }
  if (name === '--http') return { kind: 'http', url: readUrl(name, value) }
  return { kind: 'dns', name: readHostName(value) }
}

function readHostName (value: string): string {
  try {
    // With a port it reads as a target.
    const { host, isName } = parseTarget(`${value}:1`)
    if (isName) return host
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  throw new RangeError(`--dns needs a name such as db.shop.svc, without a port, not ${JSON.stringify(value.slice(0, 80))}`)
}

function readEndpoints (given: ReadonlyMap<string, string>): WaitCondition | undefined {
  const route = given.get('--route')
  if (route === undefined) {
    const stray = OF_ROUTE.find(name => given.has(name))
    if (stray !== undefined) throw new RangeError(`${stray} says more about --route, which is missing`)
    return undefined
  }
  const version = given.get('--version')
  if (version === undefined) throw new RangeError('--route needs --version beside it')
  const count = given.get('--endpoints') ?? '1'
  const endpoints = /^[1-9][0-9]{0,5}$/.test(count) ? Number(count) : 0
  if (endpoints < 1 || endpoints > MAX_ENDPOINTS) {
    throw new RangeError(`--endpoints needs a whole number from 1 to ${MAX_ENDPOINTS}, not ${JSON.stringify(count.slice(0, 40))}`)
  }
  return {
    kind: 'endpoints',
    route: readName('--route', route),
    version: readName('--version', version),
    endpoints,
    admin: readUrl('--admin', given.get('--admin') ?? DEFAULT_ADMIN).replace(/\/+$/, ''),
    tokenFile: given.get('--token-file')
  }
}

function readName (flag: string, value: string): string {
  if (new RegExp(NAME_PATTERN).test(value)) return value
  throw new RangeError(`${flag} must be ${PATTERN_TEXTS.get(NAME_PATTERN) ?? 'a name'}, not ${JSON.stringify(value.slice(0, 80))}`)
}

function readUrl (flag: string, value: string): string {
  const url = URL.parse(value)
  if (url === null || !/^https?:\/\//i.test(value) || url.username !== '' || url.password !== '') {
    throw new RangeError(`${flag} needs a URL such as http://127.0.0.1:9901, without a user, not ${JSON.stringify(value.slice(0, 80))}`)
  }
  url.hash = ''
  return url.href
}

function unknown (name: string): string {
  const known = [...REPEATED, ...SINGLE, ...QUIET]
  return `weir wait does not know ${JSON.stringify(name.slice(0, 80))}${suggestion(name, known)}`
}

function isOneOf<Name extends string> (names: readonly Name[], given: string): given is Name {
  return names.some(name => name === given)
}

/** A condition as people read it. */
export function conditionText (condition: WaitCondition): string {
  switch (condition.kind) {
    case 'tcp': return `tcp ${condition.host.includes(':') ? `[${condition.host}]` : condition.host}:${condition.port}`
    case 'http': return `http ${condition.url}`
    case 'dns': return `dns ${condition.name}`
    default: return `${condition.endpoints} ${condition.endpoints === 1 ? 'endpoint' : 'endpoints'} of ${condition.route}/${condition.version}`
  }
}
