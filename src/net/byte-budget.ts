/**
 * How many bytes a worker may keep for its clients and endpoints, and how many it keeps. Whoever keeps some has a ByteAccount.
 */
import { totalmem } from 'node:os'

/** The part of the limit from which on no buffer is large and nothing is kept for a repeat. */
const LARGE_SHARE = 0.25
/** The part of the limit from which on new requests are refused. */
const REFUSE_SHARE = 0.75
/** The part of the limit that is left when the limit was passed and connections have been closed for it. */
const REST_SHARE = 0.9
/** The part of the limit that is left when requests were refused and connections that are stuck have been closed for it. */
const RELIEVED_SHARE = 0.65

export class ByteBudget {
  /** Bytes that are kept now. */
  used = 0
  /** All in bytes. Fields and not methods, because good requests look at them. */
  limit = Infinity
  largeBelow = Infinity
  refuseFrom = Infinity
  /** Where closing for want of memory stops: when the limit was passed, and when requests are refused. */
  rest = Infinity
  relieved = Infinity
  readonly #onFull: () => void
  /** The owner is told when so many are kept. */
  #tellFrom = Infinity

  /**
   * @param onFull requests are refused from now on, or the limit has been passed; called once until `watch`, from within whatever has
   *   brought that about: close nothing there
   */
  constructor (limit: number, onFull: () => void) {
    this.#onFull = onFull
    this.configure(limit)
  }

  configure (limit: number): void {
    this.limit = limit
    this.largeBelow = limit * LARGE_SHARE
    this.refuseFrom = limit * REFUSE_SHARE
    this.rest = limit * REST_SHARE
    this.relieved = limit * RELIEVED_SHARE
    this.watch()
  }

  /** So many bytes more, or fewer, are kept. */
  change (bytes: number): void {
    this.used += bytes
    if (bytes <= 0 || this.used < this.#tellFrom) return
    this.#tellFrom = Infinity
    this.#onFull()
  }

  /** The owner wants to be told of the next mark. */
  watch (): void {
    this.#tellFrom = this.used < this.refuseFrom ? this.refuseFrom : this.limit + 1
  }
}

/**
 * What one connection keeps, as a part of the budget. It says how much that is now, never how much more, so that nothing can be
 * charged twice or forgotten.
 */
export class ByteAccount {
  /** Bytes that are charged. */
  bytes = 0
  readonly #budget: ByteBudget
  #closed = false

  constructor (budget: ByteBudget) {
    this.#budget = budget
  }

  /** So many bytes are kept now. */
  set (bytes: number): void {
    const change = bytes - this.bytes
    if (change === 0 || this.#closed) return
    this.bytes = bytes
    this.#budget.change(change)
  }

  /** Nothing is kept any more, whatever is said later. */
  close (): void {
    this.set(0)
    this.#closed = true
  }
}

/**
 * How much each worker may keep in buffers for its clients and endpoints when `limits.maxBufferedBytes` does not say.
 */

const MIB = 1_048_576
/** What the process takes when it has nothing to do, with one worker and the garbage of a busy one. */
const REST_BYTES = 112 * MIB
/** What each further worker adds to that. */
const WORKER_BYTES = 24 * MIB
/**
 * The part of what is left that is shared out. The other is for what is not counted: idle clients, TLS, the kernel's side of the
 * connections, which is the cgroup's too, and what is free and not collected yet.
 */
const SHARE = 0.5
/** A small pod has to work too. */
const LEAST_BYTES = 16 * MIB
/** For each worker, where no limit is set, and of the machine's memory at most so much for all of them. */
const UNLIMITED_BYTES = 256 * MIB
const MACHINE_SHARE = 0.25

interface MemoryFacts {
  /** The memory limit of the cgroup; 0, or more than there is, when there is none. */
  readonly limitBytes: number
  readonly machineBytes: number
}

export function memoryFacts (): MemoryFacts {
  return { limitBytes: process.constrainedMemory(), machineBytes: totalmem() }
}

/** Bytes for one worker. */
export function bufferShare (facts: MemoryFacts, workers: number): number {
  if (!isLimited(facts)) return Math.max(LEAST_BYTES, Math.floor(Math.min(UNLIMITED_BYTES, facts.machineBytes * MACHINE_SHARE / workers)))
  return Math.max(LEAST_BYTES, Math.floor(roomFor(facts.limitBytes, workers) * SHARE / workers))
}

/** What to tell the operator when the workers may keep more than the memory limit leaves; undefined when they may not. */
export function bufferWarning (
  maxBufferedBytes: number, facts: MemoryFacts, workers: number
): Readonly<Record<string, string | number>> | undefined {
  const room = roomFor(facts.limitBytes, workers)
  if (!isLimited(facts) || maxBufferedBytes * workers <= room) return undefined
  return {
    memoryLimit: facts.limitBytes,
    workers,
    maxBufferedBytes,
    roomPerWorker: Math.max(0, Math.floor(room / workers)),
    remedy: 'lower limits.maxBufferedBytes, run fewer workers, or raise the memory limit of the container'
  }
}

function isLimited ({ limitBytes, machineBytes }: MemoryFacts): boolean {
  return limitBytes > 0 && limitBytes < machineBytes
}

function roomFor (limitBytes: number, workers: number): number {
  return limitBytes - REST_BYTES - WORKER_BYTES * (workers - 1)
}
