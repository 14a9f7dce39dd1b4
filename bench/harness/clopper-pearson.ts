/** ln of n!, summed once for all. */
function lnFactorials (n: number): Float64Array {
  const sums = new Float64Array(n + 1)
  for (let index = 2; index <= n; index++) sums[index] = (sums[index - 1] ?? 0) + Math.log(index)
  return sums
}

/**
 * The upper end of Clopper and Pearson's one-sided interval: with a larger probability, so few of the runs would have been as rare as
 * `alpha`.
 */
export function clopperPearsonUpper (hits: number, runs: number, alpha = 0.05): number {
  if (hits >= runs) return 1
  const factorials = lnFactorials(runs)
  const ln = (k: number): number => factorials[k] ?? 0
  const atMost = (p: number): number => {
    let sum = 0
    for (let k = 0; k <= hits; k++) sum += Math.exp(ln(runs) - ln(k) - ln(runs - k) + k * Math.log(p) + (runs - k) * Math.log1p(-p))
    return sum
  }
  let [low, high] = [hits / runs, 1]
  for (let round = 0; round < 60; round++) {
    const middle = (low + high) / 2
    if (atMost(middle) > alpha) low = middle
    else high = middle
  }
  return high
}

/** The most hits that a probability explains: with it, more would be as rare as one in a thousand. */
export function mostByChance (runs: number, probability: number): number {
  let hits = 0
  let term = Math.exp(runs * Math.log1p(-probability))
  for (let sum = term; sum < 0.999 && hits < runs; sum += term) {
    hits++
    term *= (runs - hits + 1) / hits * probability / (1 - probability)
  }
  return hits
}
