/**
 * Who does what is to be done once, however many replicas of Weir there are. A port: whoever has something to do does not know how that is
 * decided.
 */

/**
 * - `holder`: this replica does it
 * - `follower`: another one, which lives, does it
 * - `vacant`: none is known to live; whoever has to may do it, and what it does has to bear that others do it too
 */
export type HolderStanding = 'holder' | 'follower' | 'vacant'

export interface Leadership {
  /** May this replica act for all now? To be asked before each step and never remembered: time alone makes it false. */
  readonly isHolder: boolean
  readonly standing: HolderStanding
  /**
   * Calls `listener` after every change of `standing`. A process that has slept learns of it late: `isHolder` is what counts.
   * @returns a function that ends the watching
   */
  watch (listener: (standing: HolderStanding) => void): () => void
}

/** Of a Weir that shares its state with nobody. */
export const SOLE_REPLICA: Leadership = { isHolder: true, standing: 'holder', watch: () => () => {} }
