/**
 * Does one of two sides that got the same requests fail more often than the other, and by more than is allowed? Of each pair only the
 * difference counts: 1 where the new side alone failed, -1 where the old one alone did, 0 otherwise. Evidence by betting on its mean
 * (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", arXiv 2010.09686): a gambler who always stakes the
 * same part of his money gets no richer on average while the mean is within bounds, however the two sides of a pair hang together and
 * whenever one looks. The evidence is the mean over several such gamblers.
 */
import { lnMean } from './label-test.ts'

/** The part of the money that is staked by whoever has half of it all: the best one while nothing fails. */
const BEST_STAKE = 0.98
/** Those of the others, who have as much each. */
const STAKES = [0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01] as const

/** Pairs, and those of them in which one side alone failed. */
export interface Pairs {
  readonly pairs: number
  readonly newAlone: number
  readonly oldAlone: number
}

/** The part of the pairs in which the new side alone failed, less that of the old one; 0 without pairs. */
export function pairedDifference ({ pairs, newAlone, oldAlone }: Pairs): number {
  return pairs === 0 ? 0 : (newAlone - oldAlone) / pairs
}

/** ln of the evidence that the difference is more than the margin. @param margin 0 to below 1 */
export function lnWorse (pairs: Pairs, margin: number): number {
  // The most that may be staked loses all by a pair in which the old side alone fails.
  return lnMixture(pairs, stake => [1 - margin, -1 - margin, -margin].map(gain => gain * stake / (1 + margin)))
}

/** ln of the evidence that it is less. */
export function lnNoWorse (pairs: Pairs, margin: number): number {
  return lnMixture(pairs, stake => [margin - 1, margin + 1, margin].map(gain => gain * stake))
}

/** @param gains what a stake gains by a pair: the new side alone has failed, the old one alone, neither alone */
function lnMixture ({ pairs, newAlone, oldAlone }: Pairs, gains: (stake: number) => readonly number[]): number {
  const alike = pairs - newAlone - oldAlone
  const lnMoney = (stake: number): number => {
    const [byNew = 0, byOld = 0, byNone = 0] = gains(stake)
    return newAlone * Math.log1p(byNew) + oldAlone * Math.log1p(byOld) + alike * Math.log1p(byNone)
  }
  return lnMean([lnMoney(BEST_STAKE), lnMean(STAKES.map(lnMoney))])
}

/** How many more pairs until `lnNoWorse` is there, if it goes on like this; null: it does not get there. */
export function pairsToPass (seen: Pairs, margin: number, lnNeeded: number): number | null {
  if (lnNoWorse(seen, margin) >= lnNeeded) return 0
  const after = (times: number): number => {
    return lnNoWorse({ pairs: seen.pairs * times, newAlone: seen.newAlone * times, oldAlone: seen.oldAlone * times }, margin)
  }
  let most = 2
  while (after(most) < lnNeeded) {
    if (seen.pairs * most > MOST_PAIRS) return null
    most *= 2
  }
  let least = most / 2
  for (let round = 0; round < HALVINGS; round++) {
    const middle = (least + most) / 2
    if (after(middle) < lnNeeded) least = middle
    else most = middle
  }
  return Math.ceil(seen.pairs * (most - 1))
}

/** Nobody waits for more. */
const MOST_PAIRS = 1e9
const HALVINGS = 40
