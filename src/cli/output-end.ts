import { errorCode, errorText } from '../core/error-text.ts'

/** The part of a process that commands write to. */
interface OutputProcess {
  readonly stdout: { on (event: 'error', listener: (error: Error) => void): unknown }
  readonly stderr: { write (text: string): unknown }
  exitCode?: number | string | null | undefined
}

/**
 * What becomes of a command whose output can't be written: a full disk is said and makes the exit code 1; a reader that has enough, such as
 * `head`, is no failure.
 */
export class OutputEnd {
  readonly #process: OutputProcess
  #failed = false

  constructor (process: OutputProcess) {
    this.#process = process
    process.stdout.on('error', error => {
      if (this.#failed || errorCode(error) === 'EPIPE') return
      this.#failed = true
      process.stderr.write(`weir: the output could not be written: ${errorText(error)}\n`)
      this.exit(0)
    })
  }

  /** Ends with the code, or with 1 where that would say that all is well and the output is lost; also when that turns out later. */
  exit (code: number): void {
    const before = Number(this.#process.exitCode ?? 0)
    this.#process.exitCode = code === 0 ? (this.#failed && before === 0 ? 1 : before) : code
  }
}
