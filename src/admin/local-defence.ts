/**
 * What protects an API without tokens. It listens on loopback only, but the browser of somebody on this machine can reach
 * that too, on behalf of any web site: through DNS names that resolve to 127.0.0.1, and through cross-site requests.
 */
import { isLoopback } from '../core/ip.ts'
import type { ProblemCode } from './problem.ts'

/** What the checks look at. */
export interface LocalRequest {
  readonly method: string
  /** The address of the client. */
  readonly peer: string | undefined
  readonly host: string | undefined
  readonly origin: string | undefined
  /** The field Sec-Fetch-Site, which browsers set and scripts can't. */
  readonly fetchSite: string | undefined
}

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Decides whether an API without tokens may answer; undefined when it may. */
export function localDefence (request: LocalRequest): ProblemCode | undefined {
  if (request.peer === undefined || !isLoopback(request.peer)) return 'not_local'
  if (request.host !== undefined && !isLocalHost(request.host)) return 'host_not_allowed'
  if (SAFE_METHODS.has(request.method)) return undefined
  if (request.fetchSite !== undefined && request.fetchSite !== 'same-origin' && request.fetchSite !== 'none') return 'cross_site'
  if (request.origin !== undefined && request.origin.toLowerCase() !== `http://${request.host?.toLowerCase() ?? ''}`) return 'cross_site'
  return undefined
}

/** Is this a value of the Host field that no foreign DNS server can give to a page: `localhost`, or a loopback address? */
function isLocalHost (host: string): boolean {
  const match = /^(\[[^\]]*\]|[^:]*)(:[0-9]*)?$/.exec(host.toLowerCase())
  const name = match?.[1] ?? ''
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  return isLoopback(name.startsWith('[') ? name.slice(1, -1) : name)
}
