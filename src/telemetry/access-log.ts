import { WORKER } from './counter-layout.ts'
import { AccessLineFormat, type AccessEntry } from './access-line.ts'

/** Lines are handed over in batches of this size at most. */
const BATCH_BYTES = 64 * 1024

/** The standard bound of what is with the control plane at a time. */
const MAX_OUTSTANDING_BYTES = 1024 * 1024

/** Which requests are logged: none, every failure and a share of the others, or all. */
export interface AccessLogPolicy {
  readonly mode: 'off' | 'sampled' | 'on'
  /** The share that `sampled` logs of the requests that did not fail, 0 to 1. */
  readonly sampleRate: number
}

export interface AccessLogOptions {
  readonly policy: AccessLogPolicy
  /** From 0 to below 1. */
  readonly random: () => number
  /** Hands a batch of whole lines to the control plane. The batch owns its memory, so it can be transferred. */
  readonly send: (batch: Uint8Array<ArrayBuffer>) => void
  /** The worker page, where dropped lines are counted. */
  readonly page: Float64Array
  readonly maxOutstandingBytes?: number
}

/**
 * The worker's side of the access log: lines gather in a buffer that goes to the control plane when it is full and at
 * every tick of the worker. Nothing waits: while more than the bound is with the control plane, a full buffer drops new
 * lines and counts them.
 */
export class AccessLog {
  readonly #options: AccessLogOptions
  readonly #maxOutstanding: number
  readonly #format = new AccessLineFormat()
  /** Anything is logged at all. */
  enabled = false
  /** A failure is logged at any rate; this is the rate of the others. */
  #rate = 0
  /** Made when the log is first switched on. */
  #buffer: Buffer<ArrayBuffer> | undefined
  #length = 0
  #outstanding = 0

  constructor (options: AccessLogOptions) {
    this.#options = options
    this.#maxOutstanding = options.maxOutstandingBytes ?? MAX_OUTSTANDING_BYTES
    this.configure(options.policy)
  }

  /**
   * Is this request one to log? Asked once for a finished request, before an entry is filled: `sampled` draws here. When
   * the log is off, the answer is all that it costs.
   * @param failed the request has an error code
   */
  wants (status: number, failed: boolean): boolean {
    return this.enabled && (failed || status >= 500 || this.#rate === 1 || this.#options.random() < this.#rate)
  }

  /** Changes the policy; lines already recorded stay. */
  configure (policy: AccessLogPolicy): void {
    this.enabled = policy.mode !== 'off'
    this.#rate = policy.mode === 'on' ? 1 : policy.sampleRate
    if (this.enabled) this.#buffer ??= Buffer.from(new ArrayBuffer(BATCH_BYTES))
  }

  /** Records a finished request that the log wants. */
  record (entry: AccessEntry): void {
    if (!this.enabled) return
    const line = this.#format.line(entry)
    if (this.#length + line.length > BATCH_BYTES) this.flush()
    if (this.#buffer === undefined || this.#length + line.length > BATCH_BYTES) {
      this.#options.page[WORKER.accessLogDropped] = (this.#options.page[WORKER.accessLogDropped] ?? 0) + 1
      return
    }
    // A line is ASCII, so its length is its size in bytes.
    this.#length += this.#buffer.write(line, this.#length, 'latin1')
  }

  /** Sends what was recorded, unless the control plane has too much in hand already. Call it at every tick. */
  flush (): void {
    if (this.#buffer === undefined || this.#length === 0) return
    if (this.#outstanding + this.#length > this.#maxOutstanding) return
    const batch = new Uint8Array(this.#buffer.buffer.slice(0, this.#length))
    this.#outstanding += this.#length
    this.#length = 0
    this.#options.send(batch)
  }

  /** The control plane is done with that many bytes. */
  acknowledge (bytes: number): void {
    this.#outstanding = Math.max(0, this.#outstanding - bytes)
  }
}
