import { SHADOW_DIFFERENCES, SHADOW_DROPS, SHADOW_FAILURES, type ShadowCounts } from '../contract/shadow-report.ts'
import { familyHead, labelText, latencyLines, sampleLine } from './exposition.ts'
import type { MetricName } from './metric-catalogue.ts'

/** The copies that a version of a route has got. */
export interface ShadowGauges {
  readonly to: string
  readonly counts: ShadowCounts
}

/** With the labels route and version, escaped. */
export interface ShadowRow {
  readonly labels: string
  readonly counts: ShadowCounts
}

/** The exposition of copies, in pieces of some lines each. */
export function * shadowFamilies (rows: readonly ShadowRow[]): Generator<string> {
  yield * perRow('weir_shadow_requests_total', rows, (name, { labels, counts }) => outcomesOf(counts)
    .map(([outcome, count]) => sampleLine(name, `${labels},${labelText({ outcome })}`, count)).join(''))
  yield * perRow('weir_shadow_dropped_total', rows, (name, { labels, counts: { dropped } }) => SHADOW_DROPS
    .map(reason => sampleLine(name, `${labels},${labelText({ reason })}`, dropped[reason])).join(''))
  yield * perRow('weir_shadow_first_byte_seconds', rows, (name, { labels, counts: { latency } }) => (['real', 'shadow'] as const)
    .map(side => latencyLines(name, `${labels},${labelText({ side })}`, latency[side])).join(''))
}

function * perRow (name: MetricName, rows: readonly ShadowRow[], lines: (name: MetricName, row: ShadowRow) => string): Generator<string> {
  yield familyHead(name)
  for (const row of rows) yield lines(name, row)
}

function outcomesOf ({ same, different, failed, uncompared }: ShadowCounts): ReadonlyArray<readonly [string, number]> {
  return [
    ['same', same],
    ...SHADOW_DIFFERENCES.map(kind => [kind, different[kind]] as const),
    ...SHADOW_FAILURES.map(kind => [kind, failed[kind]] as const),
    ['uncompared', uncompared]
  ]
}
