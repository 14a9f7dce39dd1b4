/**
 * The knobs of the benchmarks: environment variables that begin with BENCH_. `bench/README.md` lists them.
 */
import { availableParallelism } from 'node:os'

/**
 * A whole number from the environment.
 * @throws RangeError when the variable is set to something else or below `minimum`
 */
export function integerSetting (name: string, standard: number, minimum = 1): number {
  const text = process.env[name]
  if (text === undefined || text === '') return standard
  const value = Number(text)
  if (!Number.isInteger(value) || value < minimum) throw new RangeError(`${name}=${text}: give a whole number of at least ${minimum}`)
  return value
}

/** A comma-separated list from the environment; undefined when it is not set. */
export function listSetting (name: string): readonly string[] | undefined {
  const text = process.env[name]
  if (text === undefined || text.trim() === '') return undefined
  return text.split(',').map(item => item.trim()).filter(item => item !== '')
}

/**
 * A comma-separated list of whole numbers from the environment.
 * @throws RangeError when one of them is not a whole number
 */
export function integersSetting (name: string, standard: readonly number[]): readonly number[] {
  const items = listSetting(name)
  if (items === undefined) return standard
  return items.map(item => {
    const value = Number(item)
    if (!Number.isInteger(value) || value < 0) throw new RangeError(`${name}: "${item}" is not a whole number`)
    return value
  })
}

/** Which core the proxy runs on, and which one the load and the origin share. Undefined: the kernel decides. */
export interface CpuPlan {
  readonly proxy: number | undefined
  readonly load: number | undefined
}

/** The cores from BENCH_PROXY_CPU and BENCH_LOAD_CPU; by default 0 and 1, or none on a machine with one core. */
export function cpuPlan (): CpuPlan {
  if (availableParallelism() < 2) return { proxy: undefined, load: undefined }
  return { proxy: integerSetting('BENCH_PROXY_CPU', 0, 0), load: integerSetting('BENCH_LOAD_CPU', 1, 0) }
}

const PATHS: ReadonlySet<string> = new Set(['BENCH_RESULTS', 'BENCH_WEIR_BEFORE', 'BENCH_WEIR_ENTRY'])

/**
 * Every BENCH_ variable that is set, for the record in a results file. Of a path it says only that there was one: it is this machine's.
 */
export function settingsInForce (): Readonly<Record<string, string>> {
  const settings: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (name.startsWith('BENCH_') && value !== undefined) settings[name] = PATHS.has(name) ? '(a path)' : value
  }
  return settings
}
