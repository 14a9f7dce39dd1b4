import type { LogFields, Logger, LogLevel } from '../../src/core/logger.ts'

export interface LoggedLine {
  readonly level: LogLevel
  readonly message: string
  readonly fields: LogFields
}

/** A logger that remembers. */
export class RecordingLogger implements Logger {
  readonly lines: LoggedLine[] = []

  debug (message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'debug', message, fields })
  }

  info (message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', message, fields })
  }

  warn (message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', message, fields })
  }

  error (message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', message, fields })
  }
}
