/**
 * What the admin API says of the copies of a route: the mirror in force, and what has come of it in this replica.
 */
import type { MirrorSpec } from '../contract/mirror-spec.ts'
import type { ShadowExample } from '../contract/shadow-report.ts'
import { mirrorSpec } from '../routes/configured-options.ts'
import type { RouteBook } from '../routes/route-book.ts'
import type { ShadowBook, ShadowSums } from './shadow-book.ts'

export interface ShadowStatus {
  /** Null when nothing is copied. */
  readonly mirror: MirrorSpec | null
  /** Who says so: the file, or a rollout. */
  readonly source: 'file' | 'rollout'
  /** By version, the one that was heard of last at the end. */
  readonly sums: readonly ShadowSums[]
}

export class ShadowDescriber {
  readonly #routes: RouteBook
  readonly #book: ShadowBook

  constructor (routes: RouteBook, book: ShadowBook) {
    this.#routes = routes
    this.#book = book
  }

  /** Undefined when the configuration has no such route. */
  status (name: string): ShadowStatus | undefined {
    const route = this.#routes.route(name)
    if (route === undefined) return undefined
    const override = this.#book.override(name)
    const ofFile = route.mirror === undefined ? null : mirrorSpec(route.mirror)
    return {
      mirror: override === undefined ? ofFile : override.mirror,
      source: override === undefined ? 'file' : 'rollout',
      sums: this.#book.sums(name)
    }
  }

  /** The newest first; undefined when the configuration has no such route. */
  examples (name: string): readonly ShadowExample[] | undefined {
    return this.#routes.route(name) === undefined ? undefined : this.#book.examples(name)
  }

  /** Forgets them. @returns how many there were; undefined when the configuration has no such route */
  forgetExamples (name: string): number | undefined {
    return this.#routes.route(name) === undefined ? undefined : this.#book.forgetExamples(name)
  }
}
