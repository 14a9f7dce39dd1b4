import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { spawnSync } from 'node:child_process'
import { freePort } from './free-port.ts'
import { commitOf, describeBuild, PROJECT_ROOT } from './machine.ts'
import { startProgram, type Peer, type PeerStart, type RunningPeer } from './peer.ts'
import { stallWatchArguments } from './stalls.ts'
import { benchRoute, placingRoute, weirConfig, type WrittenRoute } from './weir-config.ts'
import type { IoChoice } from '../../src/contract/data-plane-options.ts'

export interface WeirVariant {
  readonly name: string
  readonly workers: number
  /** `auto` by default. */
  readonly io?: IoChoice
  /** By default one route over both origin ports. */
  readonly routes?: (originPorts: readonly [number, number]) => readonly WrittenRoute[]
  /** Timeouts that are not the usual ones. */
  readonly timeouts?: Readonly<Record<string, string>>
  /** Limits that are not the usual ones. */
  readonly limits?: Readonly<Record<string, number>>
  /** The file with the credentials of the Kubernetes API, for routes that name Services. */
  readonly kubeconfig?: string
  /** A second listener, which redirects everything to https; none by default. */
  readonly redirectPort?: number
  /** A port for probes; none by default. */
  readonly probesPort?: number
  /** Whole sections of the configuration, instead of the usual ones or beside them. */
  readonly sections?: Readonly<Record<string, unknown>>
  /** Where its threads write down how long they were held up; they don't by default. */
  readonly stallsDirectory?: string
  /** The file that Node runs; by default this checkout's. */
  readonly entry?: string | undefined
}

export interface RunningWeir extends RunningPeer {
  readonly adminPort: number
}

/**
 * Builds `dist/`, so that what is measured is what is there; not when BENCH_WEIR_ENTRY names another file to run.
 * @throws Error when the build fails
 */
export function prepareWeir (): void {
  const script = join(PROJECT_ROOT, 'scripts/build.ts')
  if (process.env['BENCH_WEIR_ENTRY'] !== undefined || !existsSync(script)) return
  const result = spawnSync(process.execPath, [script], { cwd: PROJECT_ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
  if (result.status !== 0) throw new Error('npm run build fails; mend that first, or name a file to run with BENCH_WEIR_ENTRY')
}

/** The file that Node runs: BENCH_WEIR_ENTRY, or `dist/main.js`, or `src/main.ts`; undefined when there is none. */
function weirEntry (): string | undefined {
  const named = process.env['BENCH_WEIR_ENTRY']
  const candidates = named === undefined ? ['dist/main.js', 'src/main.ts'] : [named]
  return candidates.map(file => resolve(PROJECT_ROOT, file)).find(file => existsSync(file))
}

/** Weir as one peer among the others: one worker. */
export const weirPeer: Peer = {
  name: 'weir',
  remedy: 'run `npm run build`',
  version: () => weirEntry() === undefined ? undefined : describeBuild().weirCommit ?? 'no commit',
  start: async options => await startWeir(options, { name: 'weir', workers: 1 })
}

/** What Weir falls back to where Node's handles do not do as expected: its cost is the distance to the line above. */
export const weirOnEvents: Peer = {
  ...weirPeer,
  name: 'weir-events',
  start: async options => await startWeir(options, { name: 'weir-events', workers: 1, io: 'events' })
}

/**
 * A route that does more: a list of users and a match may choose the version, and a field is changed in each request and each answer. No
 * request of the load is on the list or matches, as most are not.
 */
export const weirPlacing: Peer = {
  ...weirPeer,
  name: 'weir-placing',
  start: async options => await startWeir(options, {
    name: 'weir-placing', workers: 1, routes: originPorts => [placingRoute(originPorts)]
  })
}

/** The build that BENCH_WEIR_BEFORE names: the commit before, in the same rounds as this one, which no two runs can compare as well. */
export const weirBefore: Peer = {
  name: 'weir-before',
  remedy: 'build another checkout and name its dist/main.js with BENCH_WEIR_BEFORE',
  version: () => {
    const entry = entryBefore()
    return entry === undefined ? undefined : commitOf(entry) ?? 'no commit'
  },
  start: async options => await startWeir(options, { name: 'weir-before', workers: 1, entry: entryBefore() })
}

/** The `dist/main.js` of another checkout; undefined when none is named. */
export function entryBefore (): string | undefined {
  const named = process.env['BENCH_WEIR_BEFORE']
  return named !== undefined && existsSync(named) ? resolve(named) : undefined
}

/** A command that starts Weir, and where it will be found. */
export interface WeirCommand {
  readonly command: readonly [string, ...string[]]
  readonly adminPort: number
}

/**
 * Writes the configuration and gives the command.
 * @throws Error when there is no Weir to run
 */
export async function weirCommand (options: PeerStart, variant: WeirVariant): Promise<WeirCommand> {
  const entry = variant.entry ?? weirEntry()
  if (entry === undefined) throw new Error('there is no Weir to run: run `npm run build`')
  const file = join(options.dir, `${variant.name}.yaml`)
  const routes = variant.routes?.(options.originPorts) ?? [benchRoute(options.originPorts)]
  const { listenPort, certificate } = options
  const { workers, io, timeouts = {}, limits = {}, kubeconfig, probesPort, redirectPort, sections, stallsDirectory } = variant
  const adminPort = await freePort([listenPort, probesPort, redirectPort].filter(port => port !== undefined))
  const ports = { listenPort, adminPort, probesPort, redirectPort }
  writeFileSync(file, weirConfig({ ...ports, workers, io, routes, certificate, timeouts, limits, kubeconfig, sections }))
  const watch = stallsDirectory === undefined ? [] : stallWatchArguments(stallsDirectory)
  return { command: [process.execPath, ...watch, entry, 'run', '--config', file], adminPort }
}

/** Starts Weir in a shape of the caller's choice. */
export async function startWeir (options: PeerStart, variant: WeirVariant): Promise<RunningWeir> {
  const { command, adminPort } = await weirCommand(options, variant)
  const running = await startProgram(options, variant.name, command)
  return { ...running, adminPort }
}
