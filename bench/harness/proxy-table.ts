/**
 * The figures of `npm run bench` as Markdown, as comparable figures and as checks.
 */
import { markdownTable, shortNumber } from './markdown.ts'
import { runSpread, type ProxyRun, type RunFigure } from './proxy-run.ts'
import { atLeast, atMost, type Check, type Figure, type PeerRecord, type Results } from './results-file.ts'
import type { Spread } from './statistics.ts'

export type ProxyResults = Results<ProxyRun>

/** At most this share of nginx's CPU time. */
const NGINX_LIMIT = 1.10
/** The most that a list, a match and two edits may cost, and what a commit may cost that adds nothing to a plain route. */
const PLACING_LIMIT = 1.05
const BEFORE_LIMIT = 1.01
/** At least so many times less CPU time than @fastify/http-proxy. */
const FASTIFY_LIMIT = 3

const SECTIONS: readonly {
  readonly title: string
  readonly figure: RunFigure
  readonly unit: string
  readonly better: Figure['better']
}[] = [
  { title: 'CPU of the proxy, µs per request', figure: 'cpuMicrosPerRequest', unit: 'µs', better: 'lower' },
  { title: 'Requests per second', figure: 'requestsPerSecond', unit: '/s', better: 'higher' },
  { title: 'Latency p50, ms', figure: 'p50Ms', unit: 'ms', better: 'lower' },
  { title: 'Latency p99, ms', figure: 'p99Ms', unit: 'ms', better: 'lower' },
  { title: 'Peak resident memory during the runs, MiB', figure: 'peakMib', unit: 'MiB', better: 'lower' }
]

/** All tables: one for each figure, proxies down, cases across; then the ratios. */
export function proxyTables (results: Pick<ProxyResults, 'runs' | 'peers'>): string {
  const cases = caseNames(results.runs)
  const tables = SECTIONS.map(({ title, figure }) => {
    const rows = results.peers.map(peer => [label(peer), ...cases.map(name => cell(results.runs, [name, peer.name], figure))])
    return `**${title}**: median (lowest to highest)\n\n${markdownTable(['proxy', ...cases], rows)}`
  })
  return [...tables, ratioTable(results.runs), missing(results.peers), invalid(results.runs)].filter(part => part !== '').join('\n\n')
}

/** The small table for README.md: CPU per request and requests per second by body size, under the first load generator. */
export function proxySummary (results: Pick<ProxyResults, 'runs' | 'peers'>): string {
  const cases = plainCases(results.runs)
  const first = cases[0] ?? ''
  const median = (name: string, peer: string, figure: RunFigure): string => {
    const spread = runSpread(results.runs, name, peer, figure)
    return spread === undefined ? '–' : shortNumber(spread.median)
  }
  return markdownTable(
    ['proxy', ...cases.map(name => `CPU µs, ${name}`), `requests/s, ${first}`, `p99 ms, ${first}`, `peak MiB, ${first}`],
    results.peers.filter(peer => peer.skipped === undefined).map(peer => [
      label(peer), ...cases.map(name => median(name, peer.name, 'cpuMicrosPerRequest')),
      median(first, peer.name, 'requestsPerSecond'), median(first, peer.name, 'p99Ms'), median(first, peer.name, 'peakMib')
    ])
  )
}

/** The medians and the ratios. */
export function proxyFigures (runs: readonly ProxyRun[]): readonly Figure[] {
  const peers = [...new Set(runs.map(run => run.peer))]
  const medians = peers.flatMap(peer => caseNames(runs).flatMap(name => SECTIONS.flatMap(({ figure, unit, better }): readonly Figure[] => {
    const spread = runSpread(runs, name, peer, figure)
    return spread === undefined ? [] : [{ name: `${peer}, ${name}, ${figure}`, unit, value: spread.median, better }]
  })))
  const ratios = caseNames(runs).flatMap((name): readonly Figure[] => {
    const ratio = cpuRatio(runs, name, ['weir', 'nginx'])
    return ratio === undefined ? [] : [{ name: `weir / nginx, ${name}, cpuMicrosPerRequest`, unit: '', value: ratio.ofMedians, better: 'lower' }]
  })
  return [...medians, ...ratios]
}

/** What the project promises of these figures. A promise whose proxies were not measured is left out. */
export function proxyChecks (runs: readonly ProxyRun[]): readonly Check[] {
  const ratios = plainCases(runs).flatMap((name): readonly Check[] => {
    const nginx = cpuRatio(runs, name, ['weir', 'nginx'])
    const fastify = cpuRatio(runs, name, ['@fastify/http-proxy', 'weir'])
    const placing = cpuRatio(runs, name, ['weir-placing', 'weir'])
    const before = cpuRatio(runs, name, ['weir', 'weir-before'])
    return [
      ...nginx === undefined ? [] : [atMost(`CPU per request, Weir / nginx, ${name}`, nginx.ofMedians, NGINX_LIMIT, '×')],
      ...placing === undefined ? [] : [atMost(`CPU per request, with a list, a match and two edits / without, ${name}`, placing.ofMedians, PLACING_LIMIT, '×')],
      ...before === undefined ? [] : [atMost(`CPU per request, Weir / the build before, ${name}`, before.ofMedians, BEFORE_LIMIT, '×')],
      ...fastify === undefined ? [] : [atLeast(`CPU per request, @fastify/http-proxy / Weir, ${name}`, fastify.ofMedians, FASTIFY_LIMIT, '×')]
    ]
  })
  return [...ratios, atMost('runs with errors', runs.filter(run => !run.valid).length, 0, '')]
}

interface CpuRatio {
  readonly ofMedians: number
  /** The ratios of the runs of one round each, which had the same neighbours on the machine. */
  readonly lowest: number
  readonly highest: number
}

function cpuRatio (runs: readonly ProxyRun[], name: string, [above, below]: readonly [string, string]): CpuRatio | undefined {
  const upper = runSpread(runs, name, above, 'cpuMicrosPerRequest')
  const lower = runSpread(runs, name, below, 'cpuMicrosPerRequest')
  if (upper === undefined || lower === undefined) return undefined
  const byRound = runs.filter(run => run.case === name && run.peer === above && run.valid).flatMap(run => {
    const other = runs.find(
      candidate => candidate.case === name && candidate.peer === below && candidate.round === run.round && candidate.valid
    )
    return other === undefined ? [] : [run.cpuMicrosPerRequest / other.cpuMicrosPerRequest]
  })
  return { ofMedians: upper.median / lower.median, lowest: Math.min(...byRound), highest: Math.max(...byRound) }
}

function ratioTable (runs: readonly ProxyRun[]): string {
  const pairs: readonly (readonly [string, string])[] = [
    ['weir', 'nginx'], ['weir', 'haproxy'], ['weir-placing', 'weir'], ['weir', 'weir-before'], ['@fastify/http-proxy', 'weir']
  ]
  const cases = caseNames(runs)
  const rows = pairs.flatMap(pair => {
    const ratios = cases.map(name => cpuRatio(runs, name, pair))
    if (ratios.every(ratio => ratio === undefined)) return []
    return [[pair.join(' / '), ...ratios.map(ratioText)]]
  })
  const title = '**Ratio of CPU per request**: of the medians (lowest to highest ratio within a round)'
  return rows.length === 0 ? '' : `${title}\n\n${markdownTable(['ratio', ...cases], rows)}`
}

function ratioText (ratio: CpuRatio | undefined): string {
  return ratio === undefined ? '–' : `${ratio.ofMedians.toFixed(2)} (${ratio.lowest.toFixed(2)} to ${ratio.highest.toFixed(2)})`
}

function cell (runs: readonly ProxyRun[], [name, peer]: readonly [string, string], figure: RunFigure): string {
  const spread = runSpread(runs, name, peer, figure)
  return spread === undefined ? '–' : spreadText(spread)
}

function spreadText (spread: Spread): string {
  return `${shortNumber(spread.median)} (${shortNumber(spread.min)} to ${shortNumber(spread.max)})`
}

function label (peer: PeerRecord): string {
  return peer.version === undefined || peer.name.startsWith('weir') ? peer.name : `${peer.name} ${peer.version}`
}

function missing (peers: readonly PeerRecord[]): string {
  return peers.filter(peer => peer.skipped !== undefined).map(peer => `Not measured: ${peer.name} (${peer.skipped}).`).join('\n')
}

function invalid (runs: readonly ProxyRun[]): string {
  const bad = runs.filter(run => !run.valid)
  return bad.map(run => `Left out: ${run.peer}, ${run.case}, round ${run.round}: ${run.errors} errors in ${run.requests} requests.`)
    .join('\n')
}

function caseNames (runs: readonly ProxyRun[]): readonly string[] {
  return [...new Set(runs.map(run => run.case))]
}

/** The cases that are a body size and nothing else, under the first load generator. */
function plainCases (runs: readonly ProxyRun[]): readonly string[] {
  const load = runs[0]?.load
  return caseNames(runs.filter(run => run.load === load)).filter(name => !name.includes('idle'))
}
