/** The details of a log message. */
export type LogFields = Readonly<Record<string, string | number | boolean>>

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Weir's own log. Messages are constant sentences; what varies goes into the fields. */
export interface Logger {
  debug (message: string, fields?: LogFields): void
  info (message: string, fields?: LogFields): void
  warn (message: string, fields?: LogFields): void
  error (message: string, fields?: LogFields): void
}
