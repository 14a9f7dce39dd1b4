import type { Endpoint } from '../core/endpoint.ts'
import { TURNED_AWAY_REASONS } from './counter-layout.ts'
import { familyHead, labelText, sampleLine } from './exposition.ts'
import type { MetricName } from './metric-catalogue.ts'
import type { ObservedShares } from './observed-share.ts'
import { rolloutFamilies, type RolloutGauges } from './rollout-families.ts'
import { shadowFamilies, type ShadowGauges } from './shadow-families.ts'

/** A route as the control plane knows it at the time of a scrape. */
export interface RouteGauges {
  readonly name: string
  readonly epoch: number
  readonly versions: readonly VersionGauges[]
  /** Undefined for a route that never had one. */
  readonly rollout?: RolloutGauges | undefined
  /** By list, its members. */
  readonly lists?: ReadonlyMap<string, number>
  /** By version, the copies that it has got. */
  readonly shadow?: readonly ShadowGauges[]
}

interface VersionGauges {
  readonly name: string
  readonly weight: number
  readonly endpoints: readonly Endpoint[]
  /** Endpoints that may get requests and are available, in the worker that finds the fewest. */
  readonly available: number
  /** Workers that use all endpoints because too few are available. */
  readonly panicWorkers: number
  /** What keeps the version from having endpoints to use, in one word; undefined when nothing does. */
  readonly problem?: string | undefined
  /** Milliseconds since its source last knew the endpoints to be current; undefined for a static list and before the first list. */
  readonly sourceAgeMs?: number | undefined
}

/** A route, with the labels that most of its lines carry made once. */
export interface RouteRow {
  readonly gauges: RouteGauges
  /** The label route, escaped. */
  readonly labels: string
  /** The labels route and version of each of its versions. */
  readonly versionLabels: readonly string[]
}

export function routeRow (gauges: RouteGauges): RouteRow {
  return {
    gauges,
    labels: labelText({ route: gauges.name }),
    versionLabels: gauges.versions.map(({ name }) => labelText({ route: gauges.name, version: name }))
  }
}

/** What a route has answered before it chose a version. */
export interface TurnedAwayRow {
  /** The label route, escaped. */
  readonly labels: string
  /** In the order of TURNED_AWAY_REASONS. */
  readonly counts: Float64Array
}

export function * turnedAwayFamily (rows: readonly TurnedAwayRow[]): Generator<string> {
  yield familyHead('weir_turned_away_requests_total')
  for (const { labels, counts } of rows) {
    yield TURNED_AWAY_REASONS.map((reason, index) =>
      sampleLine('weir_turned_away_requests_total', `${labels},${labelText({ reason })}`, counts[index] ?? 0)).join('')
  }
}

/** A running worker as the control plane knows it. */
export interface WorkerState {
  /** The worker's place, from 0. */
  readonly id: number
  /** The epoch that the worker reported last for a route; undefined before its first report. */
  readonly appliedEpoch: (route: string) => number | undefined
}

/** The exposition of what the control plane wants of its routes and what became of it, in pieces of some lines each. */
export function * routeFamilies (routes: readonly RouteRow[], workers: readonly WorkerState[], shares: ObservedShares): Generator<string> {
  const workerLabels = workers.map(({ id }) => labelText({ worker: id }))
  yield * perRoute('weir_target_weight', routes, weightLines)
  yield * perRoute(
    'weir_observed_share', routes, (name, row) => versionLines(name, row, ({ name: version }) => shares.share(row.gauges.name, version))
  )
  yield * perRoute('weir_endpoints', routes, endpointLines)
  yield * perRoute('weir_endpoints_available', routes, (name, row) => versionLines(name, row, ({ available }) => available))
  yield * perRoute('weir_panic', routes, (name, row) => versionLines(name, row, ({ panicWorkers }) => panicWorkers))
  yield * perRoute('weir_endpoint_source_problem', routes, problemLines)
  yield * perRoute('weir_endpoint_source_age_seconds', routes, (name, row) => versionLines(
    name, row, ({ sourceAgeMs }) => sourceAgeMs === undefined ? undefined : sourceAgeMs / 1_000
  ))
  yield * perRoute('weir_route_epoch', routes, (name, { labels, gauges }) => sampleLine(name, labels, gauges.epoch))
  yield * perRoute('weir_list_members', routes, listLines)
  yield * perRoute('weir_epoch_applied', routes, (name, row) => appliedLines(name, row, workers, workerLabels))
  yield * rolloutFamilies(routes.flatMap(({ labels, gauges: { rollout } }) => rollout === undefined ? [] : [{ labels, rollout }]))
  yield * shadowFamilies(routes.flatMap(({ labels, gauges: { shadow = [] } }) => shadow.map(({ to, counts }) => ({
    labels: `${labels},${labelText({ version: to })}`, counts
  }))))
}

function * perRoute (name: MetricName, routes: readonly RouteRow[], lines: (name: MetricName, row: RouteRow) => string): Generator<string> {
  yield familyHead(name)
  for (const row of routes) yield lines(name, row)
}

/** A line for each version of which there is a value. */
function versionLines (
  name: MetricName, { gauges, versionLabels }: RouteRow, valueOf: (version: VersionGauges) => number | undefined
): string {
  let text = ''
  for (const [index, version] of gauges.versions.entries()) {
    const value = valueOf(version)
    if (value !== undefined) text += sampleLine(name, versionLabels[index] ?? '', value)
  }
  return text
}

function weightLines (name: MetricName, row: RouteRow): string {
  const total = row.gauges.versions.reduce((sum, version) => sum + version.weight, 0)
  return versionLines(name, row, ({ weight }) => total > 0 ? weight / total : 0)
}

function endpointLines (name: MetricName, { gauges, versionLabels }: RouteRow): string {
  let text = ''
  for (const [index, { endpoints }] of gauges.versions.entries()) {
    const labels = versionLabels[index] ?? ''
    for (const [condition, count] of Object.entries(
      countByCondition(endpoints)
    )) text += sampleLine(name, `${labels},condition="${condition}"`, count)
  }
  return text
}

function problemLines (name: MetricName, { gauges, versionLabels }: RouteRow): string {
  let text = ''
  for (const [index, { problem }] of gauges.versions.entries()) {
    if (problem !== undefined) text += sampleLine(name, `${versionLabels[index] ?? ''},${labelText({ problem })}`, 1)
  }
  return text
}

function appliedLines (
  name: MetricName, { gauges, labels }: RouteRow, workers: readonly WorkerState[], workerLabels: readonly string[]
): string {
  let text = ''
  for (const [index, worker] of workers.entries()) {
    const epoch = worker.appliedEpoch(gauges.name)
    if (epoch !== undefined) text += sampleLine(name, `${labels},${workerLabels[index] ?? ''}`, epoch)
  }
  return text
}

function listLines (name: MetricName, { gauges, labels }: RouteRow): string {
  return [...gauges.lists ?? []].map(([list, members]) => sampleLine(name, `${labels},${labelText({ list })}`, members)).join('')
}

function countByCondition (endpoints: readonly Endpoint[]): Readonly<Record<'ready' | 'serving' | 'terminating' | 'total', number>> {
  let ready = 0
  let serving = 0
  let terminating = 0
  for (const endpoint of endpoints) {
    if (endpoint.ready) ready++
    if (endpoint.serving) serving++
    if (endpoint.terminating) terminating++
  }
  return { ready, serving, terminating, total: endpoints.length }
}
