import type { Clock } from '../core/clock.ts'
import type { LogFields, Logger, LogLevel } from '../core/logger.ts'

/** More different subjects than this within an interval share one allowance. */
const MAX_SUBJECTS = 256

/** What a line may be about, the most particular first: each has an allowance of its own. */
const SUBJECT_FIELDS = ['endpoint', 'namespace', 'listener', 'file', 'webhook', 'version', 'route'] as const

interface Line {
  suppressed: number
  readonly level: LogLevel
  readonly message: string
  readonly fields: LogFields
}

/** What has been said about one subject within the interval, and what waits. */
interface Subject {
  /** Kinds of lines that went out since the interval began. */
  said: ReadonlySet<string>
  /** By kind, in the order of their latest occurrence. */
  waiting: Map<string, Line>
}

/**
 * A logger that lets each kind of line through at once and then once an interval, so that a storm cannot flood the log. A kind is a
 * level, a message, a reason and a subject, such as one endpoint: nothing that happens to one endpoint stands for another. The later
 * line carries the latest fields and, as `repeated`, how many lines it stands for. What is said of one subject is in order: while a
 * line of it waits, the others wait behind it.
 */
export class ThrottledLogger implements Logger {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #subjects = new Map<string, Subject>()

  constructor (logger: Logger, clock: Clock, intervalMs = 10_000) {
    this.#logger = logger
    this.#clock = clock
    this.#intervalMs = intervalMs
  }

  /** Not throttled: who asks for this level wants to see everything, and it costs nothing at any other. */
  debug (message: string, fields: LogFields = {}): void {
    this.#logger.debug(message, fields)
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
    const name = this.#roomFor(subjectOf(level, message, fields))
    // The subjects that share an allowance have one line for all of them.
    const kind = name === '' ? '' : `${level} ${message} ${fields['reason'] ?? ''}`
    const subject = this.#subjects.get(name)
    if (subject === undefined) {
      this.#subjects.set(name, { said: new Set([kind]), waiting: new Map() })
      this.#clock.after(this.#intervalMs, () => { this.#intervalOver(name) })
      this.#logger[level](message, fields)
    } else if (subject.waiting.size === 0 && !subject.said.has(kind)) {
      subject.said = new Set([...subject.said, kind])
      this.#logger[level](message, fields)
    } else {
      const suppressed = (subject.waiting.get(kind)?.suppressed ?? 0) + 1
      subject.waiting.delete(kind)
      subject.waiting.set(kind, { suppressed, level, message, fields })
    }
  }

  #roomFor (name: string): string {
    return this.#subjects.has(name) || this.#subjects.size < MAX_SUBJECTS ? name : ''
  }

  #intervalOver (name: string): void {
    const subject = this.#subjects.get(name)
    if (subject === undefined || subject.waiting.size === 0) {
      this.#subjects.delete(name)
      return
    }
    const { waiting } = subject
    subject.said = new Set(waiting.keys())
    subject.waiting = new Map()
    this.#clock.after(this.#intervalMs, () => { this.#intervalOver(name) })
    for (const { level, message, fields, suppressed } of waiting.values()) {
      this.#logger[level](message, { ...fields, repeated: suppressed, ...(name === '' ? { andOthers: true } : {}) })
    }
  }
}

/** A line that names nothing particular is its own subject. */
function subjectOf (level: LogLevel, message: string, fields: LogFields): string {
  const field = SUBJECT_FIELDS.find(name => fields[name] !== undefined)
  if (field === undefined) return `${level} ${message}`
  return field === 'version' ? `version ${fields['route'] ?? ''} ${fields['version'] ?? ''}` : `${field} ${fields[field] ?? ''}`
}
