/**
 * The margin test: do more requests fail on one side than on the other, and by more than is allowed? It counts requests, so it is right
 * where requests are independent of one another. After Turner and Grünwald, "Exact anytime-valid confidence intervals for contingency
 * tables" (arXiv 2203.09785): the evidence against a convex null hypothesis is the likelihood ratio of a point outside of it to that
 * point's projection onto it. It holds block by block, so both shares may change together from block to block.
 */
import { lnMean } from './label-test.ts'

/** Outcomes of both sides over the same time. */
export interface Block {
  readonly newRequests: number
  readonly newFailures: number
  readonly oldRequests: number
  readonly oldFailures: number
}

/** By how much more than allowed a bad version may fail: the evidence is the mean over these. */
const BEYOND = [0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.6, 0.9] as const

const HIGHEST = 0.995
/** Newton's steps, or halvings of what is left where such a step would leave it: six or so do. */
const MAX_STEPS = 80
/** A version about which nothing is known fails about one request in a hundred, with the weight of so many requests. */
const PRIOR_FAILURES = 0.5
const PRIOR_REQUESTS = 50.5
/** The weight that what was seen before the rollout has at most. */
const MAX_SEED = 10_000
const RECENT_HALF_LIFE_MS = 30_000

/** The share of failures to be expected where so many of so many requests have failed. */
export function expectedShare (failures: number, requests: number): number {
  return (failures + PRIOR_FAILURES) / (requests + PRIOR_REQUESTS)
}

/** The points of the mixture. */
export const COMPARISON_ALTERNATIVES = BEYOND.length

/** A point outside of the null hypothesis, how many requests of each side look at it, and what is allowed. */
interface Projected {
  readonly a: number
  readonly b: number
  readonly newRequests: number
  readonly oldRequests: number
  readonly margin: number
}

/** The old side's share of the point (x + margin, x) of the null hypothesis's edge that is nearest to (a, b). */
export function projection ({ a, b, newRequests, oldRequests, margin }: Projected): number {
  let low = 0
  let high = 1 - margin
  let x = Math.min((newRequests * Math.max(a - margin, b / 2) + oldRequests * b) / (newRequests + oldRequests), (1 - margin) / 2)
  for (let round = 0; round < MAX_STEPS; round++) {
    const y = x + margin
    const slope = newRequests * ((1 - a) / (1 - y) - a / y) + oldRequests * ((1 - b) / (1 - x) - b / x)
    if (slope < 0) low = x
    else high = x
    const bend = newRequests * ((1 - a) / (1 - y) ** 2 + a / y ** 2) + oldRequests * ((1 - b) / (1 - x) ** 2 + b / x ** 2)
    const step = x - slope / bend
    const next = step > low && step < high ? step : (low + high) / 2
    if (Math.abs(next - x) <= 1e-15 * next) return next
    x = next
  }
  return x
}

/** ln of a block's evidence for (a, b) against its projection. */
export function lnRatio (block: Block, { a, b, margin }: { readonly a: number, readonly b: number, readonly margin: number }): number {
  const { newRequests, newFailures, oldRequests, oldFailures } = block
  const x = projection({ a, b, newRequests, oldRequests, margin })
  return newFailures * Math.log(a / (x + margin)) + (newRequests - newFailures) * Math.log((1 - a) / (1 - x - margin)) +
    oldFailures * Math.log(b / x) + (oldRequests - oldFailures) * Math.log((1 - b) / (1 - x))
}

/** The points of the mixture, for a share `b` of the old side. */
export function alternatives (b: number, margin: number): readonly number[] {
  return BEYOND.map(step => Math.min(b + margin + step, HIGHEST))
}

/** One comparison of a new side with an old one, all along a rollout. */
export class Comparison {
  readonly #margin: number
  /** ln of the product, for each alternative. */
  readonly #logs: number[]
  #passLog: number
  /** The old side's outcomes of earlier blocks, with what was seen before the rollout. */
  #oldRequests: number
  #oldFailures: number
  /** The block that is not over: it needs requests on both sides. */
  #block: [newRequests: number, newFailures: number, oldRequests: number, oldFailures: number]
  /** Mantel and Haenszel's difference of shares, so that a change of weights in an outage is no difference: sums over blocks. */
  #difference: [sum: number, weight: number, recentSum: number, recentWeight: number]

  constructor (margin: number, stored?: readonly number[]) {
    this.#margin = margin
    const at = (index: number): number => stored?.[index] ?? 0
    this.#logs = BEYOND.map((_, index) => at(index))
    const rest = BEYOND.length
    this.#passLog = at(rest)
    this.#oldRequests = at(rest + 1)
    this.#oldFailures = at(rest + 2)
    this.#block = [at(rest + 3), at(rest + 4), at(rest + 5), at(rest + 6)]
    this.#difference = [at(rest + 7), at(rest + 8), at(rest + 9), at(rest + 10)]
  }

  stored (): readonly number[] {
    return [...this.#logs, this.#passLog, this.#oldRequests, this.#oldFailures, ...this.#block, ...this.#difference]
  }

  /** What the old side did before the rollout: a start for the estimate of its share. */
  seed (requests: number, failures: number): void {
    if (!(requests > 0)) return
    const scale = Math.min(1, MAX_SEED / requests)
    this.#oldRequests += requests * scale
    this.#oldFailures += Math.min(failures, requests) * scale
  }

  /** Adds outcomes to the block that is not over. */
  add (block: Block): void {
    this.#block[0] += block.newRequests
    this.#block[1] += block.newFailures
    this.#block[2] += block.oldRequests
    this.#block[3] += block.oldFailures
  }

  /**
   * Ends the block if both sides have requests in it. Without waiting for that, a route with few requests would never have evidence; when a
   * block ends depends on the requests alone, not on how they went.
   * @returns the block, if it has ended
   */
  tick (elapsedMs: number): Block | undefined {
    const kept = 2 ** (-elapsedMs / RECENT_HALF_LIFE_MS)
    this.#difference[2] *= kept
    this.#difference[3] *= kept
    const [newRequests, newFailures, oldRequests, oldFailures] = this.#block
    if (newRequests === 0 || oldRequests === 0) return undefined
    const block = { newRequests, newFailures, oldRequests, oldFailures }
    this.#judge(block)
    const weight = newRequests * oldRequests / (newRequests + oldRequests)
    const sum = weight * (newFailures / newRequests - oldFailures / oldRequests)
    this.#difference = [
      this.#difference[0] + sum, this.#difference[1] + weight, this.#difference[2] + sum, this.#difference[3] + weight
    ]
    this.#oldRequests += oldRequests
    this.#oldFailures += oldFailures
    this.#block = [0, 0, 0, 0]
    return block
  }

  #judge (block: Block): void {
    const b = this.oldShare
    const margin = this.#margin
    alternatives(b, margin).forEach((a, index) => {
      if (a > b + margin) this.#logs[index] = (this.#logs[index] ?? 0) + lnRatio(block, { a, b, margin })
    })
    if (margin > 0 && b + margin < 1) this.#passLog += lnRatio(block, { a: b, b, margin })
  }

  /** Leaves out what was seen of the new side so far, and keeps what is known of the old one. */
  forgive (): void {
    this.#logs.fill(0)
    this.#passLog = 0
    this.#block[0] = this.#block[1] = 0
    this.#difference = [0, 0, 0, 0]
  }

  /** ln of the evidence that the new side fails more than is allowed. */
  get lnEvidence (): number {
    return lnMean(this.#logs)
  }

  /** ln of the evidence that it does not. */
  get lnPass (): number {
    return this.#passLog
  }

  /** The old side's share of failures, as far as it is known: of all earlier blocks. */
  get oldShare (): number {
    return expectedShare(this.#oldFailures, this.#oldRequests)
  }

  /** The requests that the old side's share rests on, and those of them that failed: of many, fewer of the same share. */
  get known (): { readonly requests: number, readonly failures: number } {
    return { requests: this.#oldRequests, failures: this.#oldFailures }
  }

  /**
   * The new side's share less that of the old one over the same time; over the last half minute when that is more: a version that turns bad
   * after a good hour is to be seen. 0 while nothing is compared.
   */
  get difference (): number {
    const [sum, weight, recentSum, recentWeight] = this.#difference
    if (weight === 0) return 0
    return Math.max(sum / weight, recentWeight > 1 ? recentSum / recentWeight : -1)
  }
}
