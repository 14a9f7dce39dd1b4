/**
 * Makes the placements of a worker's routes. What they need is loaded with the first route that has one: the others cost no memory.
 */
import type { RouteSpec } from '../contract/route-spec.ts'
import { compileStickyKey } from '../routing/sticky-key.ts'
import type * as CookiesModule from './client-cookies.ts'
import type { ClientCookies } from './client-cookies.ts'
import type * as PlacementModule from './placement.ts'
import type { Placement, PlacementMaterial } from './placement.ts'

type NeedySpec = Pick<RouteSpec, 'placement' | 'affinity'>

export class PlacementBook {
  #placements: typeof PlacementModule | undefined
  #cookies: typeof CookiesModule | undefined

  /** May `placementOf` and `cookiesOf` be asked for this route? */
  isReadyFor ({ placement, affinity }: NeedySpec): boolean {
    return (placement === null || this.#placements !== undefined) && (affinity.issue === undefined || this.#cookies !== undefined)
  }

  /** May `placementOf` be asked for any route? */
  get isLoaded (): boolean { return this.#placements !== undefined }

  async load (): Promise<void> {
    this.#placements = await import('./placement.ts')
    this.#cookies = await import('./client-cookies.ts')
  }

  /** @throws Error when it is not loaded; RangeError for a regular expression that can't be used */
  placementOf ({ placement }: Pick<RouteSpec, 'placement'>, material: PlacementMaterial): Placement | null {
    if (placement === null) return null
    if (this.#placements === undefined) throw new Error('the placement of requests is not loaded')
    return new this.#placements.Placement(placement, material)
  }

  /** @throws Error when it is not loaded */
  cookiesOf ({ issue, ...affinity }: RouteSpec['affinity'], random: () => number): ClientCookies | null {
    if (issue === undefined) return null
    if (this.#cookies === undefined) throw new Error('the cookies of Weir are not loaded')
    return new this.#cookies.ClientCookies(issue, compileStickyKey(affinity, random), random)
  }
}
