import { PROXY_ERROR_CODES, proxyErrorRow } from '../core/proxy-error.ts'
import { SLOT } from './counter-layout.ts'
import { familyHead, labelText, latencyLines, sampleLine } from './exposition.ts'
import type { MetricName } from './metric-catalogue.ts'
import { CODE_CLASSES } from './version-counters.ts'
import { RETRY_REASONS } from '../contract/route-policy.ts'

/** A version as the families below need it. */
export interface VersionRow {
  /** The labels route and version, escaped. */
  readonly labels: string
  /**
   * Holds the sums over all workers, in the layout of a slot, from `start` on: thousands of arrays would be a burden on the garbage
   * collector.
   */
  readonly sums: Float64Array
  readonly start: number
}

/** Families that are one number of the slot. */
const PLAIN_FAMILIES: ReadonlyArray<readonly [MetricName, number]> = [
  ['weir_requests_in_flight', SLOT.inFlight],
  ['weir_request_body_bytes_total', SLOT.requestBodyBytes],
  ['weir_response_body_bytes_total', SLOT.responseBodyBytes],
  ['weir_upstream_connects_total', SLOT.upstreamConnects],
  ['weir_upstream_reuses_total', SLOT.upstreamReuses],
  ['weir_upstream_retries_refused_total', SLOT.retriesRefused],
  ['weir_failovers_total', SLOT.failovers],
  ['weir_requests_held', SLOT.held],
  ['weir_ejections_total', SLOT.ejections],
  ['weir_fallbacks_total', SLOT.fallbacks],
  ['weir_tunnels_open', SLOT.tunnels],
  ['weir_tunnels_total', SLOT.tunnelsTotal]
]

const CLASS_LABELS: readonly string[] = CODE_CLASSES.map(codeClass => labelText({ code_class: codeClass }))

const RETRY_LABELS: readonly string[] = RETRY_REASONS.map(reason => labelText({ reason: String(reason) }))

/** The labels code and source, in the order of PROXY_ERROR_CODES. */
const ERROR_LABELS: readonly string[] = PROXY_ERROR_CODES.map(code => labelText({ code, source: proxyErrorRow(code).source }))

/** The exposition of everything that slots count, in pieces of some lines each. */
export function * versionFamilies (rows: readonly VersionRow[]): Generator<string> {
  yield familyHead('weir_requests_total')
  for (const row of rows) yield classLines('weir_requests_total', row.labels, row.sums, row.start + SLOT.requestsByClass)
  yield familyHead('weir_request_duration_seconds')
  for (const { labels, sums, start } of rows) {
    yield latencyLines('weir_request_duration_seconds', labels, {
      buckets: sums, start: start + SLOT.latencyBuckets, sumS: sums[start + SLOT.latencySumS] ?? 0
    })
  }
  yield familyHead('weir_request_errors_total')
  for (const row of rows) yield errorLines('weir_request_errors_total', row.labels, row.sums, row.start + SLOT.errors)
  yield familyHead('weir_upstream_retries_total')
  for (const row of rows) yield retryLines(row)
  for (const [name, index] of PLAIN_FAMILIES) {
    yield familyHead(name)
    for (const row of rows) yield sampleLine(name, row.labels, row.sums[row.start + index] ?? 0)
  }
}

/** One line for each status class. @param start where the counts begin */
export function classLines (name: MetricName, labels: string, counts: ArrayLike<number>, start = 0): string {
  let text = ''
  for (let index = 0; index < CLASS_LABELS.length; index++) {
    text += sampleLine(name, joinLabels(labels, CLASS_LABELS[index] ?? ''), counts[start + index] ?? 0)
  }
  return text
}

/** One line for each code that has occurred: all of them for all versions would be mostly zeros. @param start where the counts begin */
export function errorLines (name: MetricName, labels: string, counts: ArrayLike<number>, start = 0): string {
  let text = ''
  for (let index = 0; index < ERROR_LABELS.length; index++) {
    const count = counts[start + index] ?? 0
    if (count > 0) text += sampleLine(name, joinLabels(labels, ERROR_LABELS[index] ?? ''), count)
  }
  return text
}

function retryLines (row: VersionRow): string {
  let text = ''
  for (let index = 0; index < RETRY_LABELS.length; index++) {
    text += sampleLine(
      'weir_upstream_retries_total', joinLabels(row.labels, RETRY_LABELS[index] ?? ''), row.sums[row.start + SLOT.retries + index] ?? 0
    )
  }
  return text
}

function joinLabels (left: string, right: string): string {
  return left === '' ? right : `${left},${right}`
}
