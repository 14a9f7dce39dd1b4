/** What a piece of code costs, in measures that a busy machine does not change. */
import { Session } from 'node:inspector/promises'
import { setFlagsFromString } from 'node:v8'

/** Optimised code counts functions, and not all of their blocks. */
const OPTIMISERS = ['opt', 'maglev'] as const

/**
 * How often the blocks of src run while `work` does: functions, branches and turns of loops. What a regular expression or another function of
 * the engine does inside is not in it.
 */
export async function countBlocks (work: () => void): Promise<number> {
  const session = new Session()
  session.connect()
  for (const name of OPTIMISERS) setFlagsFromString(`--no-${name}`)
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    // Counts start here.
    await session.post('Profiler.takePreciseCoverage')
    work()
    const { result } = await session.post('Profiler.takePreciseCoverage')
    return result.filter(({ url }) => url.includes('/src/'))
      .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
      .reduce((sum, { count }) => sum + count, 0)
  } finally {
    await session.post('Profiler.stopPreciseCoverage').catch(() => {})
    session.disconnect()
    for (const name of OPTIMISERS) setFlagsFromString(`--${name}`)
  }
}

const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array // %TypedArray%.prototype

/** How many numbers of typed arrays are put in order while `work` does, which is the engine's own work. */
export function countSorted (work: () => void): number {
  const { sort } = TYPED_ARRAY
  let sorted = 0
  TYPED_ARRAY.sort = function (this: Uint8Array, ...how) {
    sorted += this.length
    return sort.apply(this, how)
  }
  try {
    work()
  } finally {
    TYPED_ARRAY.sort = sort
  }
  return sorted
}

/** Milliseconds of processor time that this thread spends on `work`: other programs take none of it. */
export function cpuMsOf (work: () => void): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1_000
}
