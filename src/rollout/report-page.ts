/** The report of a rollout as a page of text. */
import type { Quantile } from './quantile-interval.ts'
import type { ReportedVersion, RolloutReport } from './rollout-report.ts'

const GAP = '   '

/** @param replicas of this Weir, one of which has counted */
export function reportPage (report: RolloutReport, replicas = 1): string {
  const { route, preset, phase, startedAt, since, match, shareTo, from, to, errorDifference, verdict, isStored } = report
  const difference = errorDifference === null
    ? 'errors can\'t be compared before both versions have requests'
    : `errors of ${to.version} less those of ${from.version}: ${signed(errorDifference.estimate)}, between ${signed(errorDifference.interval[0])} and ${signed(errorDifference.interval[1])}`
  return [
    `${route}: ${preset} of ${from.version} and ${to.version}, ${phase}`,
    `since ${startedAt}${phase === 'Progressing' || phase === 'Paused' ? '' : `, over ${since}`}`,
    `${to.version} has ${Number(shareTo.toFixed(2))} % by weight${match === null ? '' : `, and the requests that match ${match}`}`,
    '',
    tableOf(from, to),
    '',
    difference,
    ...(verdict === null ? [] : [`${verdict.verdict} (${verdict.code}): ${verdict.reason}`]),
    ...(replicas > 1 ? [`Counted by one of ${replicas} replicas, the one that leads the rollout${isStored ? '; this is what it has stored last, up to 10 s ago' : ''}.`] : []),
    'Intervals are of 95 %. They take requests for independent of one another, and times are known by the bucket.',
    ''
  ].join('\n')
}

function tableOf (from: ReportedVersion, to: ReportedVersion): string {
  const rows: ReadonlyArray<readonly [string, (version: ReportedVersion) => string]> = [
    ['', ({ version }) => version],
    ['requests', ({ requests }) => String(requests)],
    ['clients', ({ clients }) => clients === null ? '-' : withRange(String(clients.estimate), clients.interval.map(String))],
    ['errors', ({ errors }) => String(errors.count)],
    ['share of errors', ({ errors, requests }) => requests === 0 ? '-' : withRange(percent(errors.share), errors.interval.map(percent))],
    ['p50', version => time(version.latencyMs?.p50)],
    ['p90', version => time(version.latencyMs?.p90)],
    ['p99', version => time(version.latencyMs?.p99)]
  ]
  const cells = rows.map(([name, textOf]) => [name, textOf(from), textOf(to)])
  const widths = [0, 1, 2].map(column => Math.max(...cells.map(row => row[column]?.length ?? 0)))
  return cells.map(row => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(GAP).trimEnd()).join('\n')
}

function withRange (text: string, [low = '', high = '']: readonly string[]): string {
  return low === high ? text : `${text} (${low} to ${high})`
}

function time (quantile: Quantile | undefined): string {
  if (quantile === undefined) return '-'
  const { value, interval: [low, high] } = quantile
  const range = high === null ? `${rounded(low)} ms or more` : `${rounded(low)} to ${rounded(high)} ms`
  return `${value === null ? 'past the last bucket' : `${rounded(value)} ms`} (${range})`
}

function percent (share: number): string {
  return `${rounded(100 * share)} %`
}

function signed (share: number): string {
  return `${share < 0 ? '-' : '+'}${percent(Math.abs(share))}`
}

/** Three digits, of whole numbers all. */
function rounded (value: number): string {
  return String(Number(value >= 100 ? value.toFixed(0) : value.toPrecision(3)))
}
