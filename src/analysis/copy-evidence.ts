/**
 * What copies say of a new version: it got the same requests as the old one, and nobody got its answers. So a verdict is there before the
 * first user is on it, and neither a client nor a moment can be to blame.
 */
import { COPY_COUNTS, type CopyCounts } from '../contract/rollout-watch.ts'
import type { AnalysisSettings } from './analysis-settings.ts'
import { consistentCopies, copiesFrom, lessCopies, numbersOfCopies, sumCopyCounts } from './copy-counts.ts'
import { evidenceText, shareText } from './evidence-text.ts'
import { lnNoWorse, lnWorse, pairedDifference, type Pairs, pairsToPass } from './paired-test.ts'
import { shareInterval } from './share-interval.ts'
import { type CopyNumbers, type RuleFinding, numberFrom, type VerdictNeeds } from './verdict.ts'

/** How likely each of the tests of copies may fail a version that is no worse: parts of alpha. */
interface CopyLevels {
  readonly errors: number
  readonly slow: number
  readonly different: number
}

export class CopyEvidence {
  readonly #settings: AnalysisSettings
  #counts: CopyCounts
  /** Since the first one. */
  #spanMs: number

  /** @param stored what another one has left */
  constructor (settings: AnalysisSettings, stored: readonly number[] = []) {
    this.#settings = settings
    this.#counts = consistentCopies(copiesFrom(stored))
    this.#spanMs = Math.max(0, stored[COPY_COUNTS.length] ?? 0)
  }

  /** Undefined while there was no copy. */
  stored (): readonly number[] | undefined {
    return this.requests === 0 ? undefined : [...numbersOfCopies(this.#counts), this.#spanMs]
  }

  add (copies: CopyCounts): void {
    this.#counts = sumCopyCounts(this.#counts, consistentCopies(copies))
  }

  /** Leaves out copies that were added. */
  excuse (copies: CopyCounts): void {
    this.#counts = consistentCopies(lessCopies(this.#counts, copies))
  }

  /** Lets time pass. */
  tick (elapsedMs: number): void {
    if (this.requests > 0) this.#spanMs += elapsedMs
  }

  /** The copies that were compared. */
  get requests (): number { return this.#counts.requests }

  get errors (): Pairs {
    const { requests, failed, realFailed } = this.#counts
    return { pairs: requests, newAlone: failed, oldAlone: realFailed }
  }

  get slow (): Pairs {
    const { requests, slow, realSlow } = this.#counts
    return { pairs: requests, newAlone: slow, oldAlone: realSlow }
  }

  /** Why the version is out, by its copies alone; undefined when it is not. */
  fault ({ errors, slow, different }: CopyLevels): RuleFinding | undefined {
    const { alpha, maxErrorIncrease, maxSlowIncrease, maxDifferent } = this.#settings
    const byErrors = faultOf(this.errors, maxErrorIncrease, alpha * errors)
    if (byErrors !== undefined) return { verdict: 'fail', code: 'copies', reason: `${this.#errorsText()} ${byErrors}` }
    const bySlow = faultOf(this.slow, maxSlowIncrease, alpha * slow)
    if (bySlow !== undefined) return { verdict: 'fail', code: 'copies', about: 'slow', reason: `${this.#slowText()} ${bySlow}` }
    if (maxDifferent === null) return undefined
    if (shareInterval(this.#counts.different, this.requests, alpha * different)[0] <= maxDifferent) return undefined
    return { verdict: 'fail', code: 'copies', about: 'different', reason: `${this.#differentText()} maxDifferent is ${shareText(maxDifferent)}.` }
  }

  /** What a version without users comes to by its copies, when they are no fault of it. */
  course (): RuleFinding {
    const { passAlpha, maxErrorIncrease, maxSlowIncrease } = this.#settings
    const needed = Math.log(1 / passAlpha)
    const isNoWorse = lnNoWorse(this.errors, maxErrorIncrease) >= needed && lnNoWorse(this.slow, maxSlowIncrease) >= needed
    if (isNoWorse && this.#isAlike) {
      return {
        verdict: 'pass',
        code: 'passed',
        reason: `${this.#errorsText()} More than ${shareText(maxErrorIncrease)} in addition is ruled out, and more than ${shareText(maxSlowIncrease)} slow ones.`
      }
    }
    const needs = this.needs()
    const more = needs === null ? 'a pass does not come of that as it goes on' : `a pass needs about ${needs.requests} more`
    const unlike = this.#settings.maxDifferent === null ? '' : ` ${this.#differentText()}`
    return { verdict: 'undecided', code: 'more_needed', reason: `${this.#errorsText()}${unlike} Nothing is shown by that yet: ${more}.` }
  }

  get #isAlike (): boolean {
    const { passAlpha, maxDifferent } = this.#settings
    return maxDifferent === null || shareInterval(this.#counts.different, this.requests, passAlpha)[1] <= maxDifferent
  }

  /** What a pass by copies alone still needs if it goes on like this; null when it does not get there, or by `maxDifferent` may not. */
  needs (): VerdictNeeds {
    const { passAlpha, maxErrorIncrease, maxSlowIncrease } = this.#settings
    const needed = Math.log(1 / passAlpha)
    const errors = pairsToPass(this.errors, maxErrorIncrease, needed)
    const slow = pairsToPass(this.slow, maxSlowIncrease, needed)
    const requests = errors === null || slow === null ? 0 : Math.max(errors, slow)
    if (requests === 0) return null
    return { requests, minutes: this.#spanMs === 0 ? null : requests * this.#spanMs / this.requests / 60_000 }
  }

  /** Null while there was no copy. */
  numbers ({ errors }: CopyLevels): CopyNumbers | null {
    if (this.requests === 0) return null
    const { alpha, passAlpha, maxErrorIncrease } = this.#settings
    return {
      ...this.#counts,
      evidence: numberFrom(lnWorse(this.errors, maxErrorIncrease)),
      threshold: 1 / (alpha * errors),
      passEvidence: numberFrom(lnNoWorse(this.errors, maxErrorIncrease)),
      passThreshold: 1 / passAlpha
    }
  }

  #errorsText (): string {
    const { requests, failed, realFailed, bothFailed } = this.#counts
    const both = bothFailed === 0 ? '' : `; ${bothFailed} failed on both`
    return `Of ${requests} copied requests ${failed} failed on the new version alone, ${realFailed} on the old one alone${both}.`
  }

  #slowText (): string {
    const { requests, slow, realSlow } = this.#counts
    return `Of ${requests} copied requests ${slow} were slow on the new version alone, ${realSlow} on the old one alone.`
  }

  #differentText (): string {
    return `${this.#counts.different} of ${this.requests} copies were answered differently.`
  }
}

function faultOf (pairs: Pairs, allowed: number, alpha: number): string | undefined {
  const needed = Math.log(1 / alpha)
  const evidence = lnWorse(pairs, allowed)
  return evidence >= needed && pairedDifference(pairs) >= allowed ? evidenceText(evidence, needed) : undefined
}
