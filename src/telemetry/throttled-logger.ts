import type { Clock } from '../core/clock.ts'
import type { LogFields, Logger, LogLevel } from './logger.ts'

/** More different messages than this within an interval share one allowance. */
const MAX_MESSAGES = 256

interface Quiet {
  suppressed: number
  level: LogLevel
  message: string
  fields: LogFields
}

/**
 * A logger that lets each message through at once and then at most once an interval, so that a storm cannot flood the
 * log. The later line carries the latest fields and, as `repeated`, how many lines it stands for.
 */
export class ThrottledLogger implements Logger {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #quiet = new Map<string, Quiet>()

  constructor (logger: Logger, clock: Clock, intervalMs = 10_000) {
    this.#logger = logger
    this.#clock = clock
    this.#intervalMs = intervalMs
  }

  debug (message: string, fields: LogFields = {}): void {
    this.#log('debug', message, fields)
  }

  info (message: string, fields: LogFields = {}): void {
    this.#log('info', message, fields)
  }

  warn (message: string, fields: LogFields = {}): void {
    this.#log('warn', message, fields)
  }

  error (message: string, fields: LogFields = {}): void {
    this.#log('error', message, fields)
  }

  #log (level: LogLevel, message: string, fields: LogFields): void {
    const key = this.#keyOf(level, message)
    const quiet = this.#quiet.get(key)
    if (quiet !== undefined) {
      quiet.suppressed++
      quiet.level = level
      quiet.message = message
      quiet.fields = fields
      return
    }
    this.#quiet.set(key, { suppressed: 0, level, message, fields })
    this.#clock.after(this.#intervalMs, () => { this.#intervalOver(key) })
    this.#logger[level](message, fields)
  }

  #keyOf (level: LogLevel, message: string): string {
    const key = `${level} ${message}`
    return this.#quiet.has(key) || this.#quiet.size < MAX_MESSAGES ? key : ''
  }

  #intervalOver (key: string): void {
    const quiet = this.#quiet.get(key)
    if (quiet === undefined || quiet.suppressed === 0) {
      this.#quiet.delete(key)
      return
    }
    const { level, message, fields, suppressed } = quiet
    quiet.suppressed = 0
    this.#clock.after(this.#intervalMs, () => { this.#intervalOver(key) })
    this.#logger[level](message, { ...fields, repeated: suppressed })
  }
}
