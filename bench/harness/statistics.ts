/** The middle of several runs and how far they lie apart. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  /** The median of the distances from the median. */
  readonly mad: number
  readonly runs: number
}

/**
 * Sums up several runs.
 * @throws RangeError when there are none
 */
export function spreadOf (values: readonly number[]): Spread {
  const middle = quantile(values, 0.5)
  return {
    median: middle,
    min: Math.min(...values),
    max: Math.max(...values),
    mad: quantile(values.map(value => Math.abs(value - middle)), 0.5),
    runs: values.length
  }
}

/**
 * The value below which the share `q` (0 to 1) of the values lies, interpolated between neighbours.
 * @throws RangeError when there are no values
 */
export function quantile (values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * q
  const below = sorted[Math.floor(place)]
  const above = sorted[Math.ceil(place)]
  if (below === undefined || above === undefined) throw new RangeError('no values to sum up')
  return below + (above - below) * (place - Math.floor(place))
}
