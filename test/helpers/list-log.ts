import type { EventLog, LogFields } from '../../src/core/logger.ts'

export interface LoggedEvent {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: LogFields
}

/** A log that a test can read. */
export class ListLog implements EventLog {
  readonly events: LoggedEvent[] = []

  info (message: string, fields: LogFields = {}): void {
    this.events.push({ level: 'info', message, fields })
  }

  warn (message: string, fields: LogFields = {}): void {
    this.events.push({ level: 'warn', message, fields })
  }

  error (message: string, fields: LogFields = {}): void {
    this.events.push({ level: 'error', message, fields })
  }

  at (level: LoggedEvent['level']): readonly LoggedEvent[] {
    return this.events.filter(event => event.level === level)
  }
}
