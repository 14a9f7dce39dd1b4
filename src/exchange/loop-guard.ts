import type { HttpRequest } from '../http/http-request.ts'

const PRODUCT = 'weir'
/**
 * Nobody puts so many Weirs in a row. With many replicas behind the address that a loop leads to, this may end it sooner
 * than a replica that the request meets for a second time.
 */
const MAX_IN_A_ROW = 8

/**
 * Finds requests that have been here before. Via carries a name that is this process's alone and the same for all its
 * workers, so that other Weirs on the way, an edge and a sidecar say, are no loop.
 */
export class LoopGuard {
  /** What Via calls this Weir. */
  readonly name: string
  readonly #isOne: boolean

  /** @param instance tells this process from all others; empty when nothing does, and then only long rows are found */
  constructor (instance: string) {
    this.#isOne = instance !== ''
    this.name = this.#isOne ? `${PRODUCT}-${instance}` : PRODUCT
  }

  /**
   * Has the request gone round? Asked of requests with a Via only.
   * @param maxPasses so often it may come through this Weir; 0 sets no limit
   */
  hasGoneRound (request: HttpRequest, maxPasses: number): boolean {
    if (maxPasses === 0) return false
    let own = 0
    let weirs = 0
    for (const name of request.viaNames()) {
      if (this.#isOne && name === this.name) own++
      if (name === PRODUCT || name.startsWith(`${PRODUCT}-`)) weirs++
    }
    return own >= maxPasses || weirs >= MAX_IN_A_ROW * maxPasses
  }
}
