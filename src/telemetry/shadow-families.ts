import { SHADOW_DIFFERENCES, SHADOW_DROPS, SHADOW_FAILURES, type ShadowCounts, type ShadowLatency } from '../contract/shadow-report.ts'
import { LATENCY_BOUNDS_S } from './counter-layout.ts'
import { familyHead, labelText, sampleLine } from './exposition.ts'
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

const BOUNDS: readonly string[] = [...LATENCY_BOUNDS_S, '+Inf'].map(le => labelText({ le }))

/** The exposition of copies, in pieces of some lines each. */
export function * shadowFamilies (rows: readonly ShadowRow[]): Generator<string> {
  yield * perRow('weir_shadow_requests_total', rows, (name, { labels, counts }) => outcomesOf(counts)
    .map(([outcome, count]) => sampleLine(name, `${labels},${labelText({ outcome })}`, count)).join(''))
  yield * perRow('weir_shadow_dropped_total', rows, (name, { labels, counts: { dropped } }) => SHADOW_DROPS
    .map(reason => sampleLine(name, `${labels},${labelText({ reason })}`, dropped[reason])).join(''))
  yield * perRow('weir_shadow_first_byte_seconds', rows, (name, { labels, counts: { latency } }) => (['real', 'shadow'] as const)
    .map(side => histogramLines(name, `${labels},${labelText({ side })}`, latency[side])).join(''))
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

function histogramLines (name: MetricName, labels: string, { buckets, sumS }: ShadowLatency): string {
  let text = ''
  let count = 0
  for (const [index, bound] of BOUNDS.entries()) {
    count += buckets[index] ?? 0
    text += sampleLine(`${name}_bucket`, `${labels},${bound}`, count)
  }
  return text + sampleLine(`${name}_sum`, labels, sumS) + sampleLine(`${name}_count`, labels, count)
}
