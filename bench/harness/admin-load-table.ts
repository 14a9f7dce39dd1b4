/**
 * What `npm run bench:control` says and promises of many who ask the admin API at the same time.
 */
import type { AdminLoadPlan, AdminLoadRun } from './admin-load.ts'
import { markdownTable, shortNumber } from './markdown.ts'
import { atMost, type Check, type Figure } from './results-file.ts'

const STALL_LIMIT_MS = 50
const PROBE_LIMIT_MS = 100

function asked (runs: readonly AdminLoadRun[]): readonly AdminLoadRun[] {
  return runs.filter(({ path }) => path !== '')
}

export function adminLoadFigures (runs: readonly AdminLoadRun[]): readonly Figure[] {
  return asked(runs).flatMap(({ path, stalls, mainMs }): readonly Figure[] => [
    { name: `longest stall of the main thread, ${path}`, unit: 'ms', value: stalls.main, better: 'lower' },
    { name: `most CPU of a turn of the main thread, ${path}`, unit: 'ms', value: stalls.mainCpu, better: 'lower' },
    { name: `CPU of the main thread, ${path}`, unit: 'ms', value: mainMs, better: 'lower' }
  ])
}

export function adminLoadChecks (runs: readonly AdminLoadRun[], { clients, routes }: AdminLoadPlan): readonly Check[] {
  const most = (figure: (run: AdminLoadRun) => number): number => Math.max(...asked(runs).map(figure))
  const sum = (figure: (run: AdminLoadRun) => number): number => runs.reduce((total, run) => total + figure(run), 0)
  const where = `${clients} at the same time, ${routes.toLocaleString('en-GB')} routes`
  return [
    atMost(`longest stall of the main thread, ${where}`, most(({ stalls }) => stalls.main), STALL_LIMIT_MS, 'ms'),
    atMost(`most CPU of a turn of the main thread, ${where}`, most(({ stalls }) => stalls.mainCpu), STALL_LIMIT_MS, 'ms'),
    atMost(`longest stall of the worker, ${where}`, most(({ stalls }) => stalls.worker), STALL_LIMIT_MS, 'ms'),
    atMost('p99 of a probe meanwhile', most(({ probes }) => probes.p99Ms), PROBE_LIMIT_MS, 'ms'),
    atMost('probes and requests that failed meanwhile', sum(({ failed, probes, load }) => failed + probes.failed + load.errors), 0, '')
  ]
}

export function adminLoadTable (runs: readonly AdminLoadRun[], { clients, routes }: AdminLoadPlan): string {
  const head = [
    'asked for', 'took ms', 'MiB each', 'CPU of the main thread, ms', 'longest stall: main, ms', 'CPU of a turn: main, ms',
    'longest stall: worker, ms', 'CPU of a turn: worker, ms', 'probes: p99 ms',
    'others: p99 ms'
  ]
  const rows = runs.map(({ path, tookMs, bytes, mainMs, stalls, probes, load }) => [
    path === '' ? 'nothing' : `\`${path.replace(/\?.*/, '')}\``,
    ...(path === '' ? ['–', '–', '–'] : [shortNumber(tookMs), shortNumber(bytes / 2 ** 20), shortNumber(mainMs)]),
    ...[stalls.main, stalls.mainCpu, stalls.worker, stalls.workerCpu, probes.p99Ms, load.p99Ms].map(shortNumber)
  ])
  return `**${clients} clients of the admin API at the same time, with ${routes.toLocaleString('en-GB')} routes**\n\n${markdownTable(head, rows)}`
}
