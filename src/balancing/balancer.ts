/**
 * The choice of an endpoint: one port, and the algorithms of `balancing`. Hot.
 */
import { combineHashes, mix32 } from '../core/hash.ts'
import { assertNever } from '../core/assert-never.ts'
import type { Affinity, BalancingName } from '../contract/route-spec.ts'

/** An endpoint of a version, as a balancer sees it. */
export interface Candidate {
  /** Requests in flight from this worker. */
  readonly inFlight: number
  /** A hash of the endpoint's address and port: 32 bits, the same on every worker and replica. */
  readonly hash: number
  /** May get new requests now. A balancer asks nothing else. */
  readonly eligible: boolean
}

/**
 * Chooses an endpoint of a version. One balancer serves one version of one route in one worker, and lives on when the
 * endpoints change. `pick` runs for every request: it allocates nothing.
 */
export interface Balancer {
  /**
   * @param keyHash the hash of the request's sticky key, 32 bits
   * @returns a position in `candidates`; -1 when none is eligible
   */
  pick (candidates: readonly Candidate[], keyHash: number): number
}

/** One after the other. Candidates that are not eligible are passed over; the others share evenly. */
export class RoundRobin implements Balancer {
  #next: number

  /**
   * @param random 32 random bits for each call, signed or unsigned: where the round starts. Workers that all started with
   * the first endpoint would keep sending to it at the same time.
   */
  constructor (random: () => number) {
    this.#next = random() & 0x3fff_ffff
  }

  pick (candidates: readonly Candidate[], _keyHash: number): number {
    const count = candidates.length
    if (count === 0) return -1
    let index = this.#next < count ? this.#next : this.#next % count
    for (let tried = 0; tried < count; tried++) {
      const following = index + 1 === count ? 0 : index + 1
      if (candidates[index]?.eligible === true) {
        this.#next = following
        return index
      }
      index = following
    }
    return -1
  }
}

/**
 * Keeps the draw of the endpoint apart from the draw of the version. The clients of a canary of 5 % are those whose hash
 * fell into one corner; used again for the endpoints, that corner would belong to one or two of them.
 */
const ENDPOINT_SALT = 0x2545f491

/**
 * Keeps a client on one endpoint: rendezvous hashing. The eligible candidate with the greatest hash of key and endpoint
 * wins. When one goes, only its own clients move, and they spread over the others; when one comes, it takes an even share
 * from each. The order of the candidates does not matter, so workers and replicas agree.
 *
 * Looks at every candidate, a few nanoseconds each: a version has tens of endpoints, seldom hundreds. A table would
 * be quicker for thousands, but moves clients that need not move.
 */
export class Rendezvous implements Balancer {
  pick (candidates: readonly Candidate[], keyHash: number): number {
    const key = mix32(keyHash ^ ENDPOINT_SALT)
    let winner = -1
    let highest = 0
    for (let index = 0; index < candidates.length; index++) {
      const candidate = candidates[index]
      if (candidate?.eligible !== true) continue
      const score = combineHashes(key, candidate.hash)
      // Compared as signed: in every tier of the compiler those stay off the heap.
      if (winner === -1 || score > highest) {
        highest = score
        winner = index
      }
    }
    return winner
  }
}

/** How often one of the two is drawn again before the candidates are counted instead. */
const MAX_DRAWS = 8

/**
 * The power of two choices: of two different eligible candidates drawn at random, the one with fewer requests in flight
 * (M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001). Nearly as even as looking at all of
 * them, at a constant price, and workers that don't know of each other don't all run to the same idle endpoint.
 *
 * A candidate that is not eligible is drawn again, which leaves every pair of eligible ones as likely as before. After
 * a few misses the eligible ones are counted and two are drawn by rank: as fair, and the only time that all are looked at.
 */
export class LeastRequest implements Balancer {
  readonly #random: () => number

  /** @param random 32 random bits for each call, signed or unsigned */
  constructor (random: () => number) {
    this.#random = random
  }

  pick (candidates: readonly Candidate[], _keyHash: number): number {
    const count = candidates.length
    if (count <= 1) return candidates[0]?.eligible === true ? 0 : -1
    const first = this.#drawEligible(candidates, -1)
    if (first === -1) return this.#pickByRank(candidates)
    const second = this.#drawEligible(candidates, first)
    return second === -1 ? this.#pickByRank(candidates) : lessBusy(candidates, first, second)
  }

  /** An eligible position other than `excluded`; -1 after too many misses. `excluded` is -1 or a position. */
  #drawEligible (candidates: readonly Candidate[], excluded: number): number {
    const choices = excluded === -1 ? candidates.length : candidates.length - 1
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const drawn = this.#below(choices)
      // Leaves a gap at `excluded`: the others stay equally likely, and no draw is spent on it.
      const index = excluded !== -1 && drawn >= excluded ? drawn + 1 : drawn
      if (candidates[index]?.eligible === true) return index
    }
    return -1
  }

  #pickByRank (candidates: readonly Candidate[]): number {
    let eligible = 0
    for (let index = 0; index < candidates.length; index++) {
      if (candidates[index]?.eligible === true) eligible++
    }
    if (eligible <= 1) return positionOfRank(candidates, 0)
    const firstRank = this.#below(eligible)
    const drawn = this.#below(eligible - 1)
    const secondRank = drawn >= firstRank ? drawn + 1 : drawn
    return lessBusy(candidates, positionOfRank(candidates, firstRank), positionOfRank(candidates, secondRank))
  }

  /**
   * A whole number from 0 to `limit` - 1, out of the upper 16 of the 32 bits: in whole numbers, as a fraction would go
   * to the heap wherever V8 does not inline this. Off from even by less than `limit` in 65,536; more candidates than
   * that nobody has, and those past it would only never be drawn.
   */
  #below (limit: number): number {
    return Math.imul(this.#random() >>> 16, limit) >>> 16
  }
}

/** On a tie the first one: which of the two was drawn first is chance already. */
function lessBusy (candidates: readonly Candidate[], first: number, second: number): number {
  return (candidates[second]?.inFlight ?? 0) < (candidates[first]?.inFlight ?? 0) ? second : first
}

/** The position of the eligible candidate that has `rank` eligible ones before it; -1 when there is none. */
function positionOfRank (candidates: readonly Candidate[], rank: number): number {
  let before = 0
  for (let index = 0; index < candidates.length; index++) {
    if (candidates[index]?.eligible !== true) continue
    if (before === rank) return index
    before++
  }
  return -1
}

/**
 * The balancer that a route asks for. `affinity.level: endpoint` can only be kept by rendezvous, whatever `balancing` says.
 * @param random 32 random bits for each call, signed or unsigned
 */
export function createBalancer (balancing: BalancingName, level: Affinity['level'], random: () => number): Balancer {
  if (level === 'endpoint') return new Rendezvous()
  switch (balancing) {
    case 'least-request': return new LeastRequest(random)
    case 'round-robin': return new RoundRobin(random)
    case 'rendezvous': return new Rendezvous()
    default: return assertNever(balancing)
  }
}
