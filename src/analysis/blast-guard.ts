/**
 * The blast cap: failed user requests of the new version beyond what the old one's share over the same time predicts. A plain counter that
 * needs no assumption to stop what is plainly bad; the prediction keeps it from stopping a version that is no worse.
 */
import type { Block } from './comparison.ts'

/**
 * Failures are charged only beyond so many standard deviations of the prediction: a route on which both versions fail one request in ten
 * would otherwise stop any good version some day by chance. Nothing where the old version does not fail.
 */
const DEVIATIONS = 4
/** With so many clients or more, one counts for a share of the cap at most. */
const ONE_CLIENTS_SHARE = 0.2

export class BlastGuard {
  /** Of blocks that are over. */
  #counted: number
  #predicted: number
  #variance: number
  /** The block that is not over. */
  #block: [newRequests: number, newFailures: number, oldRequests: number, oldFailures: number]

  constructor (stored?: readonly number[]) {
    const at = (index: number): number => stored?.[index] ?? 0
    this.#counted = at(0)
    this.#predicted = at(1)
    this.#variance = at(2)
    this.#block = [at(3), at(4), at(5), at(6)]
  }

  stored (): readonly number[] {
    return [this.#counted, this.#predicted, this.#variance, ...this.#block]
  }

  add (block: Block): void {
    this.#block[0] += block.newRequests
    this.#block[1] += block.newFailures
    this.#block[2] += block.oldRequests
    this.#block[3] += block.oldFailures
  }

  /** The failures that the new version would have had, by the old one's over the same time. */
  get predicted (): number { return this.#predicted }

  /** Leaves out so many failures that were added. */
  excuse (failures: number): void {
    this.#counted = Math.max(-this.#block[1], this.#counted - failures)
  }

  /**
   * Ends the block if both versions have requests in it.
   * @param known the share of failures that is known of the old version, 0..1: at a large weight its few requests may have none by chance,
   * and predict as little as those that never fail
   */
  tick (known: number): void {
    const [newRequests, newFailures, oldRequests, oldFailures] = this.#block
    if (newRequests === 0 || oldRequests === 0) return
    const ratio = newRequests / oldRequests
    this.#counted += newFailures
    this.#predicted += ratio * oldFailures
    this.#variance += ratio * (1 + ratio) * Math.max(oldFailures, known * oldRequests)
    this.#block = [0, 0, 0, 0]
  }

  /**
   * The failures that the new version is charged with.
   * @param heavy failures of each of the heaviest clients; none when all of them are to count
   * @param known what the old version may have failed at most before, as a share: it predicts where that has no traffic; 0: not known
   * @param perClient how many failures a client of the old version has that has any: they come together, on one version or the other
   */
  charged (heavy: readonly number[], maxFailures: number, known: number, perClient: number): number {
    const [newRequests, newFailures] = this.#block
    const alone = newRequests * known
    const variance = this.#variance * Math.max(1, perClient) + alone
    const most = maxFailures * ONE_CLIENTS_SHARE
    const ofFew = heavy.reduce((sum, failures) => sum + Math.max(0, failures - most), 0)
    return Math.max(0, this.#counted + newFailures - ofFew - this.#predicted - alone - DEVIATIONS * Math.sqrt(variance))
  }
}
