/**
 * Weir's own log, for those who write it. Messages are constant sentences; what varies goes into the fields.
 */

/** The details of a log message. */
export type LogFields = Readonly<Record<string, string | number | boolean>>

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where the control plane says what happened: Weir's own log, or a list in a test. */
export interface EventLog {
  info (message: string, fields?: LogFields): void
  warn (message: string, fields?: LogFields): void
  error (message: string, fields?: LogFields): void
}

export interface Logger extends EventLog {
  debug (message: string, fields?: LogFields): void
}
