/**
 * What a figure depends on and a reader has to know: the machine, the versions and the commit.
 */
import { spawnSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programPath } from './program-path.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryMib: number
  readonly kernel: string
  /** The load of the last minute when the benchmark began: what else was going on. */
  readonly loadAtStart: number
}

export interface Build {
  readonly node: string
  /** The commit of the checkout; undefined outside of one. */
  readonly weirCommit: string | undefined
  /** There were changes that are in no commit. */
  readonly uncommitted: boolean
}

/** The checkout's root. */
export const PROJECT_ROOT = fileURLToPath(new URL('../../', import.meta.url))

export function describeMachine (): Machine {
  const cores = cpus()
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memoryMib: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    loadAtStart: loadavg()[0] ?? 0
  }
}

export function describeBuild (): Build {
  return {
    node: process.version,
    weirCommit: commitOf(join(PROJECT_ROOT, 'package.json')),
    uncommitted: firstLine('git', ['-C', PROJECT_ROOT, 'status', '--porcelain', '--', 'src', 'package-lock.json']) !== undefined
  }
}

/** The commit of the checkout that a file is in; undefined outside of any. */
export function commitOf (file: string): string | undefined {
  return firstLine('git', ['-C', dirname(file), 'rev-parse', '--short=12', 'HEAD'])
}

/** The first line that a program prints, on either stream; undefined when it is missing, fails or prints nothing. */
export function firstLine (command: string, args: readonly string[]): string | undefined {
  const result = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, PATH: programPath() } })
  if (result.error !== undefined || result.status !== 0) return undefined
  const line = `${result.stdout}${result.stderr}`.trim().split('\n', 1)[0]
  return line === undefined || line === '' ? undefined : line
}
