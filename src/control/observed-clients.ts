/**
 * Which versions have the clients of the last minutes, and whether a few of them bend the shares of the requests. Pure.
 */
import { estimatedClients, heaviestClients, wholePercent, type ClientCensus } from './client-census.ts'

/** Shares of requests and of clients that differ by less are alike. */
const BENT = 0.05
/** So many clients at most are a few. */
const FEW = 3
/** They bend a share when they make so much of the difference. */
const BENDING_PART = 0.5
/** Fewer clients than that have shares of their own anyway. */
const LEAST_CLIENTS = 4

export interface ObservedClients {
  /** How many there were; an estimate where they are too many to keep. */
  readonly seen: number
  /** The time that was looked back, in milliseconds. */
  readonly coversMs: number
  /** By version, the share of the clients that it served last, from 0 to 1. */
  readonly shares: ReadonlyMap<string, number>
  /** One sentence, when a few heavy clients bend the shares of the requests; null when they don't. */
  readonly note: string | null
}

/** Null when no client was seen: nobody came, or each request is drawn for itself. */
export function observedClients (census: ClientCensus): ObservedClients | null {
  const { clients, coversMs } = census
  if (clients.size === 0) return null
  const counts = new Map<string, number>()
  for (const { version } of clients.values()) counts.set(version, (counts.get(version) ?? 0) + 1)
  const shares = new Map([...counts].map(([version, count]) => [version, count / clients.size]))
  return { seen: estimatedClients(census), coversMs, shares, note: bendingNote(census, shares) }
}

function bendingNote (census: ClientCensus, clientShares: ReadonlyMap<string, number>): string | null {
  const { rates, unkeyedRate } = census
  const total = [...rates.values()].reduce((sum, { all, placed }) => sum + all - placed, 0)
  if (census.clients.size < LEAST_CLIENTS || total === 0 || unkeyedRate > 0) return null
  const bent = [...rates].map(([version, { all, placed }]) => {
    return { version, requests: (all - placed) / total, clients: clientShares.get(version) ?? 0 }
  }).reduce((most, share) => difference(share) > difference(most) ? share : most)
  const heaviest = heaviestClients(census).slice(0, FEW)
  let sum = 0
  for (const [index, { share }] of heaviest.entries()) {
    sum += share
    if (difference(bent) < BENT || sum < difference(bent) * BENDING_PART) continue
    const who = index === 0 ? 'one client makes' : `${index + 1} clients make`
    return `"${bent.version}" has ${wholePercent(bent.clients)} of the clients and ${wholePercent(bent.requests)} of the requests: ${who} ${wholePercent(sum)} of all requests`
  }
  return null
}

function difference ({ requests, clients }: { readonly requests: number, readonly clients: number }): number {
  return Math.abs(requests - clients)
}
