import type { Endpoint } from '../core/endpoint.ts'
import { familyHead, labelText, sampleLine } from './exposition.ts'
import type { MetricName } from './metric-catalogue.ts'
import type { ObservedShares } from './observed-share.ts'

/** A route as the control plane knows it at the time of a scrape. */
export interface RouteGauges {
  readonly name: string
  readonly epoch: number
  readonly versions: readonly VersionGauges[]
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

/** A running worker as the control plane knows it. */
export interface WorkerState {
  /** The worker's place, from 0. */
  readonly id: number
  /** The epoch that the worker reported last for a route; undefined before its first report. */
  readonly appliedEpoch: (route: string) => number | undefined
}

/** The exposition of what the control plane wants of its routes and what became of it, in pieces of some lines each. */
export function * routeFamilies (routes: readonly RouteGauges[], workers: readonly WorkerState[], shares: ObservedShares): Generator<string> {
  yield * perRoute('weir_target_weight', routes, weightLines)
  yield * perRoute('weir_observed_share', routes, (name, route) => shareLines(name, route, shares))
  yield * perRoute('weir_endpoints', routes, endpointLines)
  yield * perRoute('weir_endpoints_available', routes, (name, route) => versionLines(name, route, ({ available }) => available))
  yield * perRoute('weir_panic', routes, (name, route) => versionLines(name, route, ({ panicWorkers }) => panicWorkers))
  yield * perRoute('weir_endpoint_source_problem', routes, problemLines)
  yield * perRoute('weir_endpoint_source_age_seconds', routes, ageLines)
  yield * perRoute('weir_route_epoch', routes, (name, route) => sampleLine(name, labelText({ route: route.name }), route.epoch))
  yield * perRoute('weir_epoch_applied', routes, (name, route) => appliedLines(name, route, workers))
}

function * perRoute (name: MetricName, routes: readonly RouteGauges[], lines: (name: MetricName, route: RouteGauges) => string): Generator<string> {
  yield familyHead(name)
  for (const route of routes) yield lines(name, route)
}

function weightLines (name: MetricName, route: RouteGauges): string {
  const total = route.versions.reduce((sum, version) => sum + version.weight, 0)
  return route.versions.map(version => sampleLine(name, versionLabels(route, version), total > 0 ? version.weight / total : 0)).join('')
}

function shareLines (name: MetricName, route: RouteGauges, shares: ObservedShares): string {
  return route.versions.map(version => {
    const share = shares.share(route.name, version.name)
    return share === undefined ? '' : sampleLine(name, versionLabels(route, version), share)
  }).join('')
}

function endpointLines (name: MetricName, route: RouteGauges): string {
  return route.versions.map(version => {
    const labels = versionLabels(route, version)
    const line = (condition: string, count: number): string => sampleLine(name, `${labels},${labelText({ condition })}`, count)
    return line('ready', count(version, endpoint => endpoint.ready)) +
      line('serving', count(version, endpoint => endpoint.serving)) +
      line('terminating', count(version, endpoint => endpoint.terminating)) +
      line('total', version.endpoints.length)
  }).join('')
}

function versionLines (name: MetricName, route: RouteGauges, valueOf: (version: VersionGauges) => number): string {
  return route.versions.map(version => sampleLine(name, versionLabels(route, version), valueOf(version))).join('')
}

function problemLines (name: MetricName, route: RouteGauges): string {
  return route.versions.map(version => {
    return version.problem === undefined ? '' : sampleLine(name, `${versionLabels(route, version)},${labelText({ problem: version.problem })}`, 1)
  }).join('')
}

function ageLines (name: MetricName, route: RouteGauges): string {
  return route.versions.map(version => version.sourceAgeMs === undefined ? '' : sampleLine(name, versionLabels(route, version), version.sourceAgeMs / 1_000)).join('')
}

function appliedLines (name: MetricName, route: RouteGauges, workers: readonly WorkerState[]): string {
  return workers.map(worker => {
    const epoch = worker.appliedEpoch(route.name)
    return epoch === undefined ? '' : sampleLine(name, labelText({ route: route.name, worker: worker.id }), epoch)
  }).join('')
}

function versionLabels (route: RouteGauges, version: VersionGauges): string {
  return labelText({ route: route.name, version: version.name })
}

function count (version: VersionGauges, condition: (endpoint: Endpoint) => boolean): number {
  return version.endpoints.reduce((sum, endpoint) => sum + (condition(endpoint) ? 1 : 0), 0)
}
