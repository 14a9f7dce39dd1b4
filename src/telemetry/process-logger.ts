import { pino, stdTimeFunctions, type DestinationStream, type Logger as PinoLogger } from 'pino'
import type { PreparedChange } from '../core/prepared-change.ts'
import { type LogFields, type Logger, type LogLevel, printable } from '../core/logger.ts'

/** Bytes waiting for a reader of standard error; more are lost rather than kept. */
const MAX_WAITING_BYTES = 1024 * 1024
const MAX_TEXT_LENGTH = 2_048

/** Weir's own log: JSON lines on standard error. For the main thread; workers send their messages there. */
export class ProcessLogger implements Logger {
  readonly #pino: PinoLogger

  /** @param sink where lines go instead of standard error */
  constructor (level: LogLevel, sink: DestinationStream = standardError()) {
    this.#pino = pino({
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: label => ({ level: label }) }
    }, { write: line => { sink.write(printable(line)) } })
  }

  /** Another level. */
  prepare (level: LogLevel): PreparedChange {
    const before = this.#pino.level
    return {
      commit: () => { this.#pino.level = level },
      settle: () => {},
      discard: () => { this.#pino.level = before }
    }
  }

  debug (message: string, fields: LogFields = {}): void {
    this.#pino.debug(bounded(fields), message)
  }

  info (message: string, fields: LogFields = {}): void {
    this.#pino.info(bounded(fields), message)
  }

  warn (message: string, fields: LogFields = {}): void {
    this.#pino.warn(bounded(fields), message)
  }

  error (message: string, fields: LogFields = {}): void {
    this.#pino.error(bounded(fields), message)
  }
}

/**
 * Not pino's own destination: it writes through a thread of the pool, and when nobody reads standard error that thread
 * hangs in the write and keeps the process from ending.
 */
function standardError (): DestinationStream {
  // Without a listener, a closed standard error would end the process; there is nobody left to tell.
  process.stderr.on('error', () => {})
  return {
    write (line) {
      if (process.stderr.writableLength + line.length <= MAX_WAITING_BYTES) process.stderr.write(line)
    }
  }
}

/** Names that the line has already: a second one would make the JSON ambiguous. */
const RESERVED: ReadonlySet<string> = new Set(['level', 'time', 'message'])

function bounded (fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [
    RESERVED.has(name) ? `${name}_` : name,
    typeof value === 'string' && value.length > MAX_TEXT_LENGTH ? `${value.slice(0, MAX_TEXT_LENGTH)}…` : value
  ]))
}
