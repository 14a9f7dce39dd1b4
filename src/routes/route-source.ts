import type { RouteConfig } from '../config/schema.ts'

/** Where routes come from. */
export interface RouteSource {
  /** The routes that it had last, all of them and without fault, in the order in which they are tried. */
  routes (): readonly RouteConfig[]
  /**
   * Watches from now on. To be called once.
   * @param onNews told when it has others
   */
  start (onNews: () => void): void
  /** Ends watching: `onNews` is not called again. */
  stop (): void
}
