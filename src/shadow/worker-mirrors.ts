/**
 * The mirrors of a worker, by route. Loaded when the first route has one.
 */
import { createBalancer } from '../balancing/balancer.ts'
import type { ShadowReport } from '../contract/shadow-report.ts'
import type { MirrorSpec } from '../contract/mirror-spec.ts'
import type { FieldEdits } from '../http/field-edits.ts'
import type { Affinity, BalancingName } from '../contract/route-spec.ts'
import type { VersionPool } from '../upstream/version-pool.ts'
import { RouteMirror } from './route-mirror.ts'
import type { Mirror } from './shadow-port.ts'
import { type ShadowContext, ShadowRoom } from './shadow-room.ts'

/** A route as its mirror sees it. */
export interface MirroredRoute {
  readonly name: string
  readonly versions: ReadonlyArray<{
    readonly name: string
    readonly pool: VersionPool
    readonly edits: { readonly request: FieldEdits | null } | null
  }>
}

/** How endpoints of a route are chosen. */
export interface MirroredBalancing {
  readonly balancing: BalancingName
  readonly affinity: Pick<Affinity, 'level'>
}

export interface ToldShadow {
  readonly route: string
  /** The version that has got the copies. */
  readonly to: string
  readonly report: ShadowReport
}

interface Entry {
  readonly to: string
  readonly mirror: RouteMirror
}

export class WorkerMirrors {
  readonly #room: ShadowRoom
  readonly #random: () => number
  readonly #entries = new Map<string, Entry>()
  /** Of mirrors that are no more: copies of theirs may still be on their way. */
  readonly #former = new Set<Entry & { readonly route: string }>()

  /** @param random 32 random bits */
  constructor (context: ShadowContext, random: () => number) {
    this.#room = new ShadowRoom(context, this.#entries)
    this.#random = random
  }

  /** The mirror of a route from now on; null when it has none, or no such version. */
  configure (route: MirroredRoute, spec: MirrorSpec | null, { balancing, affinity }: MirroredBalancing): Mirror | null {
    const version = spec === null ? undefined : route.versions.find(({ name }) => name === spec.to)
    const before = this.#entries.get(route.name)
    if (before !== undefined && before.to !== version?.name) this.forget(route.name)
    if (version === undefined || spec === null) return null
    const edits = version.edits?.request ?? null
    const parts = { spec, edits, pool: version.pool, balancer: createBalancer(balancing, affinity.level, this.#random) }
    const entry = this.#entries.get(route.name)
    entry?.mirror.configure(parts)
    const mirror = entry?.mirror ?? new RouteMirror(route.name, this.#room, parts)
    this.#entries.set(route.name, { to: version.name, mirror })
    return mirror
  }

  get routes (): Iterable<string> { return this.#entries.keys() }

  /** The route has no mirror any more. */
  forget (route: string): void {
    const entry = this.#entries.get(route)
    this.#entries.delete(route)
    if (entry === undefined) return
    entry.mirror.close()
    this.#former.add({ route, ...entry })
  }

  tick (): void {
    for (const { mirror } of this.#entries.values()) mirror.tick()
  }

  /** What has come since the last call. */
  take (): readonly ToldShadow[] {
    const told: ToldShadow[] = []
    const add = (route: string, { to, mirror }: Entry): void => {
      const report = mirror.take()
      if (report !== null) told.push({ route, to, report })
    }
    for (const [route, entry] of this.#entries) add(route, entry)
    for (const former of this.#former) {
      add(former.route, former)
      if (former.mirror.idle) this.#former.delete(former)
    }
    return told
  }

  /** Nothing is copied any more, and what is on its way is counted as far as it has come. */
  close (): void {
    for (const route of [...this.#entries.keys()]) this.forget(route)
    this.#room.close()
  }
}
