/** What can be said beside a message. */
export type LogFields = Readonly<Record<string, string | number | boolean>>

/** Where the control plane says what happened: Weir's own log, or a list in a test. */
export interface EventLog {
  info (message: string, fields?: LogFields): void
  warn (message: string, fields?: LogFields): void
  error (message: string, fields?: LogFields): void
}
