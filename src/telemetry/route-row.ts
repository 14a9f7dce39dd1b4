import type { Endpoint } from '../core/endpoint.ts'
import { labelText } from './exposition.ts'

/** A route as the control plane knows it at the time of a scrape. */
export interface RouteGauges {
  readonly name: string
  readonly epoch: number
  readonly versions: readonly VersionGauges[]
}

export interface VersionGauges {
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
export class RouteRow {
  readonly gauges: RouteGauges
  /** The label route, escaped. */
  readonly labels: string
  /** The labels route and version of each of its versions. */
  readonly versionLabels: readonly string[]

  constructor (gauges: RouteGauges) {
    this.gauges = gauges
    this.labels = labelText({ route: gauges.name })
    this.versionLabels = gauges.versions.map(({ name }) => labelText({ route: gauges.name, version: name }))
  }
}
