import fc from 'fast-check'

export interface FuzzLimits {
  readonly seed: number
  /** How many inputs; without it, as many as fit into `timeMs`. */
  readonly runs?: number
  readonly timeMs?: number
  /** Where in the inputs of the seed to begin, as fast-check prints it with a failure. */
  readonly path?: string
}

/** A property that `npm test` checks with a fixed number of inputs and `npm run fuzz` for as long as it is told. */
export interface FuzzCheck {
  readonly name: string
  /** How many inputs the test suite tries. */
  readonly runs: number
  /** The share of the time of `npm run fuzz`, beside 1 for each of the others. */
  readonly share?: number
  /** @returns how many inputs were tried. Throws what fast-check throws: the smallest input that fails, and the seed. */
  run (limits: FuzzLimits): number | Promise<number>
}

export function defineCheck<T> (name: string, runs: number, inputs: fc.Arbitrary<T>, check: (input: T) => void): FuzzCheck {
  return {
    name,
    runs,
    run ({ seed, runs: numRuns, timeMs, path }) {
      let tried = 0
      const property = fc.property(inputs, input => {
        tried++
        check(input)
      })
      fc.assert(property, {
        seed,
        ...(path === undefined ? {} : { path }),
        numRuns: numRuns ?? Number.MAX_SAFE_INTEGER,
        ...(timeMs === undefined ? {} : { interruptAfterTimeLimit: timeMs, markInterruptAsFailure: false })
      })
      return tried
    }
  }
}
