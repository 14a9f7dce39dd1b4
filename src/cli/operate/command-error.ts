/** Exit codes of the commands that speak to a running Weir. */
export const EXIT = {
  ok: 0,
  /** Weir refused, answered something else than it should, or could not be reached. */
  failed: 1,
  /** The arguments make no sense, or the client's configuration does not. */
  usage: 2,
  /** All went well, and what was waited for has not happened in time. */
  notYet: 3
} as const

type ExitCode = typeof EXIT[keyof typeof EXIT]

/** Ends a command: one line that says what is wrong and what helps. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: ExitCode

  constructor (message: string, exitCode: ExitCode = EXIT.failed) {
    super(message)
    this.exitCode = exitCode
  }
}
