/**
 * What has come of the copies of each route, over all workers of this replica: sums since the version got its first copy, and the latest
 * examples. Beside it, what is said of mirrors at run time, for workers that are replaced.
 */
import { isDeepStrictEqual } from 'node:util'
import type { MirrorMessage, ShadowMessage } from '../contract/messages.ts'
import { type MirrorOverride, mirrorOfStep, type MirrorSpec } from '../contract/mirror-spec.ts'
import { addShadowCounts, emptyShadowTally, type ShadowCounts, type ShadowExample, type ShadowTally } from '../contract/shadow-report.ts'
import type { Clock } from '../core/clock.ts'
import type { RouteSplit } from '../rollout/traffic-state.ts'
import { LATENCY_BOUNDS_S } from '../telemetry/counter-layout.ts'

/** Examples kept of a route. */
const MAX_SHADOW_EXAMPLES = 100
/** Versions of a route that are remembered: the one that gets copies now, and those before it. */
const MAX_VERSIONS = 8

/** The copies that one version has got. */
export interface ShadowSums {
  readonly to: string
  /** Of the first report, in milliseconds since the Unix epoch. */
  readonly sinceMs: number
  readonly counts: ShadowCounts
}

interface Sums extends ShadowSums {
  readonly counts: ShadowTally
}

interface RouteEntry {
  /** By version, the one that was heard of last at the end. */
  readonly sums: Map<string, Sums>
  examples: ShadowExample[]
}

export class ShadowBook {
  readonly #clock: Clock
  readonly #routes = new Map<string, RouteEntry>()
  readonly #overrides = new Map<string, MirrorOverride>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /**
   * The mirror of a rollout, which goes with its split, takes the place of the one in the file; that one holds again without it.
   * @param file null without
   * @returns what the workers are told, if it is anything new
   */
  step ({ route, mirror }: RouteSplit, file: MirrorSpec | null): MirrorMessage | undefined {
    const before = this.#overrides.get(route)
    if (mirror === undefined) return this.#overrides.delete(route) ? { type: 'mirror', route, override: null } : undefined
    const copied = mirror.percent === 0 ? null : mirrorOfStep(mirror.to, mirror.percent, file)
    if (before !== undefined && isDeepStrictEqual(before.mirror, copied)) return undefined
    const override = { mirror: copied }
    this.#overrides.set(route, override)
    return { type: 'mirror', route, override }
  }

  /** What a replacement has to know. */
  get orders (): readonly MirrorMessage[] {
    return [...this.#overrides].map(([route, override]) => ({ type: 'mirror', route, override }))
  }

  /** What is said of a route at run time; undefined when its file holds. */
  override (route: string): MirrorOverride | undefined { return this.#overrides.get(route) }

  /** Takes a report of a worker. */
  receive ({ route, to, report: { counts, examples } }: ShadowMessage): void {
    const entry = this.#routes.get(route) ?? { sums: new Map<string, Sums>(), examples: [] }
    this.#routes.set(route, entry)
    const sums = entry.sums.get(to) ?? { to, sinceMs: this.#clock.wallMs(), counts: emptyShadowTally(LATENCY_BOUNDS_S.length + 1) }
    addShadowCounts(sums.counts, counts)
    entry.sums.delete(to)
    entry.sums.set(to, sums)
    const [oldest] = entry.sums.keys()
    if (entry.sums.size > MAX_VERSIONS && oldest !== undefined) entry.sums.delete(oldest)
    if (examples.length > 0) entry.examples = [...entry.examples, ...examples].slice(-MAX_SHADOW_EXAMPLES)
  }

  /** By version, the latest last; empty when nothing of the route was copied. */
  sums (route: string): readonly ShadowSums[] { return [...this.#routes.get(route)?.sums.values() ?? []] }

  /** The newest first. */
  examples (route: string): readonly ShadowExample[] { return [...this.#routes.get(route)?.examples ?? []].reverse() }

  /** Forgets the examples of a route. @returns how many there were */
  forgetExamples (route: string): number {
    const entry = this.#routes.get(route)
    const count = entry?.examples.length ?? 0
    if (entry !== undefined) entry.examples = []
    return count
  }

  get routes (): Iterable<string> { return this.#routes.keys() }

  /** Forgets routes that are gone. */
  retain (routes: ReadonlySet<string>): void {
    for (const route of this.#routes.keys()) if (!routes.has(route)) this.#routes.delete(route)
    for (const route of this.#overrides.keys()) if (!routes.has(route)) this.#overrides.delete(route)
  }
}
