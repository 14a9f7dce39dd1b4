/**
 * The text format of Prometheus, version 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
import { LATENCY_BOUNDS_S } from './counter-layout.ts'
import { metricRow, type MetricName } from './metric-catalogue.ts'

/** The media type of the format. */
export const EXPOSITION_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The HELP and TYPE lines of a family. */
export function familyHead (name: MetricName): string {
  const { help, type } = metricRow(name)
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`
}

/** `name="value",…` without braces; values are escaped. */
export function labelText (labels: Readonly<Record<string, string | number>>): string {
  return Object.entries(labels).map(([name, value]) => `${name}="${escapeLabelValue(String(value))}"`).join(',')
}

/** One line. `labels` comes from labelText. */
export function sampleLine (name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${valueText(value)}\n` : `${name}{${labels}} ${valueText(value)}\n`
}

const BOUND_LABELS: readonly string[] = [...LATENCY_BOUNDS_S, '+Inf'].map(le => labelText({ le }))

/** Times as they are counted. */
interface LatencyCounts {
  /** By LATENCY_BOUNDS_S, not cumulative, from `start` on. */
  readonly buckets: ArrayLike<number>
  readonly start?: number
  /** Of all of them, in seconds. */
  readonly sumS: number
}

/** The lines of a histogram of times. The count is the sum of the buckets, so that it agrees with itself while a worker is counting. */
export function latencyLines (name: MetricName, labels: string, { buckets, start = 0, sumS }: LatencyCounts): string {
  let text = ''
  let count = 0
  for (let index = 0; index < BOUND_LABELS.length; index++) {
    count += buckets[start + index] ?? 0
    text += sampleLine(`${name}_bucket`, `${labels},${BOUND_LABELS[index] ?? ''}`, count)
  }
  return text + sampleLine(`${name}_sum`, labels, sumS) + sampleLine(`${name}_count`, labels, count)
}

function escapeLabelValue (value: string): string {
  return value.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function valueText (value: number): string {
  if (Number.isFinite(value)) return String(value)
  if (Number.isNaN(value)) return 'NaN'
  return value > 0 ? '+Inf' : '-Inf'
}
