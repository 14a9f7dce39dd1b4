/**
 * Which routes of a worker have a mirror: those of the file, and what is said at run time, which wins. What copies requests is loaded with
 * the first of them.
 */
import type { MirrorOverride, MirrorSpec } from '../contract/mirror-spec.ts'
import type { ControlMessage, MirrorMessage, ShadowMessage } from '../contract/messages.ts'
import type { RouteSpec } from '../contract/route-spec.ts'
import type { RouteRuntime } from '../exchange/route-runtime.ts'
import type { ShadowContext } from '../shadow/shadow-room.ts'
import type { WorkerMirrors } from '../shadow/worker-mirrors.ts'

const NOTHING: readonly ShadowMessage[] = []

export class WorkerShadows {
  readonly #context: ShadowContext
  readonly #random: () => number
  #mirrors: WorkerMirrors | null = null
  #specs: ReadonlyMap<string, RouteSpec> = new Map()
  readonly #overrides = new Map<string, MirrorOverride>()

  /** @param random 32 random bits */
  constructor (context: ShadowContext, random: () => number) {
    this.#context = context
    this.#random = random
  }

  /** May a route have a mirror? */
  get loaded (): boolean { return this.#mirrors !== null }

  async load (): Promise<void> {
    const { WorkerMirrors } = await import('../shadow/worker-mirrors.ts')
    this.#mirrors ??= new WorkerMirrors(this.#context, this.#random)
  }

  /** Gives all routes their mirrors. */
  applyRoutes (specs: readonly RouteSpec[], routes: ReadonlyMap<string, RouteRuntime>): void {
    this.#specs = new Map(specs.map(spec => [spec.name, spec]))
    for (const name of this.#overrides.keys()) if (!this.#specs.has(name)) this.#overrides.delete(name)
    for (const name of [...this.#mirrors?.routes ?? []]) if (!this.#specs.has(name)) this.#mirrors?.forget(name)
    for (const route of routes.values()) this.#apply(route)
  }

  /** Takes what is said of a route at run time. It may come before the route. */
  applyMirror ({ route: name, override }: MirrorMessage, routes: ReadonlyMap<string, RouteRuntime>): void {
    if (override === null) this.#overrides.delete(name)
    else this.#overrides.set(name, override)
    const route = routes.get(name)
    if (route !== undefined) this.#apply(route)
  }

  #apply (route: RouteRuntime): void {
    const spec = this.#specs.get(route.name)
    if (spec === undefined) return
    const mirror = this.#inForce(spec)
    if (mirror !== null && this.#mirrors === null) throw new Error('what copies requests is not loaded')
    route.mirror = this.#mirrors?.configure(route, mirror, spec) ?? null
  }

  #inForce ({ name, mirror }: RouteSpec): MirrorSpec | null {
    const override = this.#overrides.get(name)
    return override === undefined ? mirror : override.mirror
  }

  /** To be called a few times a second. */
  tick (): void { this.#mirrors?.tick() }

  /** What has come of copies since the last call. */
  take (): readonly ShadowMessage[] {
    return this.#mirrors?.take().map(told => ({ type: 'shadow', ...told })) ?? NOTHING
  }

  /** The worker is going. */
  close (): void { this.#mirrors?.close() }
}

/** Does a message need what copies requests? */
export function usesMirror (message: ControlMessage): boolean {
  if (message.type === 'together') return message.messages.some(usesMirror)
  if (message.type === 'mirror') return message.override !== null && message.override.mirror !== null
  return message.type === 'routes' && message.routes.some(({ mirror }) => mirror !== null)
}
