/** Exit codes of the commands that speak to a running Weir. */
export const EXIT = {
  ok: 0,
  /** Weir refused, answered something else than it should, or could not be reached. */
  failed: 1,
  /** The arguments make no sense, or the client's configuration does not. */
  usage: 2,
  /** All went well, and what was waited for has not happened in time. */
  notYet: 3,
  /** The rollout failed or was aborted. */
  rolledBack: 4
} as const

type ExitCode = typeof EXIT[keyof typeof EXIT]

/** Ends a command: what is wrong and what helps, in one line but for the faults of a plan. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: ExitCode
  /** The code of the problem that Weir has answered; undefined: it is not Weir that says so. */
  readonly problem: string | undefined

  constructor (message: string, exitCode: ExitCode = EXIT.failed, problem?: string) {
    super(message)
    this.exitCode = exitCode
    this.problem = problem
  }
}
