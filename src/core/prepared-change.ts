/**
 * How several parts take over a new configuration together, or none of them does.
 */

/** What one part has made ready. Its methods are called in this order, those after `persist` in one turn of the event loop. */
export interface PreparedChange {
  /** Stores what has to survive the process. The last that can fail for a reason outside of Weir. */
  persist? (): Promise<void>
  /** Puts the new in force. Tells nobody yet, and keeps what `discard` needs. */
  commit (): void
  /** Tells those who have to know, and lets go of the old. It can't be taken back, so it must not fail. */
  settle (): void
  /** Instead of `settle`, and after any of the others, or none of them: all is as it was. */
  discard (): void | Promise<void>
}

/** A part that takes over configurations. */
export interface Participant<Config> {
  /** For logs. */
  readonly name: string
  /**
   * Does all that can fail, and changes nothing that anybody could see. One that takes too long is given up: what it makes is discarded
   * when it comes, maybe while another one is made.
   * @throws Error for people when the configuration can't be used
   */
  prepare (config: Config): PreparedChange | Promise<PreparedChange>
}
