/**
 * What a benchmark leaves behind: one JSON file with every run, and its sums in a form that two files can be compared by.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describeBuild, describeMachine, PROJECT_ROOT, type Build, type Machine } from './machine.ts'
import { settingsInForce } from './settings.ts'

export type ScenarioName =
  'proxy' | 'control' | 'fair' | 'idle' | 'stream' | 'slow' | 'memory' | 'pod' | 'replicas' | 'shadow' | 'tls' | 'verdict'

/** One sum that may be compared from file to file. */
export interface Figure {
  /** Such as `weir 64 B cpu`. */
  readonly name: string
  readonly unit: string
  readonly value: number
  readonly better: 'lower' | 'higher'
}

/** A promise and whether it held. */
export interface Check {
  readonly what: string
  readonly measured: number
  readonly limit: number
  readonly unit: string
  readonly holds: boolean
}

/** A proxy that was measured, or why it was not. */
export interface PeerRecord {
  readonly name: string
  readonly version: string | undefined
  /** What would make it available; only when it was skipped. */
  readonly skipped?: string
}

export interface Results<Run> {
  readonly format: 1
  readonly scenario: ScenarioName
  readonly startedAt: string
  readonly finishedAt: string
  readonly command: string
  /** Every BENCH_ variable that was set. */
  readonly settings: Readonly<Record<string, string>>
  readonly machine: Machine
  readonly build: Build
  readonly peers: readonly PeerRecord[]
  /** What else a reader has to know: load generator, origin, pinning, what was left out. */
  readonly notes: readonly string[]
  readonly runs: readonly Run[]
  readonly figures: readonly Figure[]
  readonly checks: readonly Check[]
}

/** The part of Results that is known when a benchmark begins. */
export type ResultsHead = Pick<Results<never>, 'format' | 'scenario' | 'startedAt' | 'command' | 'settings' | 'machine' | 'build'>

export function beginResults (scenario: ScenarioName): ResultsHead {
  return {
    format: 1,
    scenario,
    startedAt: new Date().toISOString(),
    command: `node ${relative(PROJECT_ROOT, process.argv[1] ?? '')}`,
    settings: settingsInForce(),
    machine: describeMachine(),
    build: describeBuild()
  }
}

/** A check that holds when `measured` is at most `limit`. */
export function atMost (what: string, measured: number, limit: number, unit: string): Check {
  return { what, measured, limit, unit, holds: measured <= limit }
}

/** A check that holds when `measured` is at least `limit`. */
export function atLeast (what: string, measured: number, limit: number, unit: string): Check {
  return { what, measured, limit, unit, holds: measured >= limit }
}

/** Where results go: BENCH_RESULTS, or bench/results. Only the latter also updates bench/README.md. */
export function resultsDirectory (): { readonly path: string, readonly published: boolean } {
  const chosen = process.env['BENCH_RESULTS']
  return chosen === undefined || chosen === ''
    ? { path: join(PROJECT_ROOT, 'bench/results'), published: true }
    : { path: chosen, published: false }
}

/** Writes `<scenario>-<date>.json` and gives its path. A second run of the same day replaces the first. */
export function writeResults (results: Results<unknown>): string {
  const { path } = resultsDirectory()
  mkdirSync(path, { recursive: true })
  const file = join(path, `${results.scenario}-${results.startedAt.slice(0, 10)}.json`)
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`)
  return file
}

/**
 * Reads a results file.
 * @throws Error when it is not one
 */
export function readResults (file: string): Results<unknown> {
  if (!existsSync(file)) throw new Error(`${file}: no such file`)
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (typeof content !== 'object' || content === null || !('format' in content) || content.format !== 1 || !('figures' in content)) {
    throw new Error(`${file}: not a results file of the benchmarks`)
  }
  // Format 1 is written by writeResults only.
  return content as Results<unknown>
}
