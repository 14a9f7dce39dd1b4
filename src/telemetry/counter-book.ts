import type { Clock } from '../core/clock.ts'
import { ROUTE_ITSELF, SEGMENT_BYTES, SLOT, SLOT_LENGTH, SLOTS_PER_SEGMENT, WORKER, WORKER_LENGTH } from './counter-layout.ts'
import { SlotAllocator } from './slot-allocator.ts'
import { CODE_CLASSES, versionCounters, workerCounters, type VersionCounters, type WorkerCounters } from './version-counters.ts'
import type { VersionRef } from '../core/version-map.ts'

/** Longer than any worker needs to apply a change of routes. */
const QUARANTINE_MS = 60_000

/** What a slot says of this moment; the death of the worker ends it. */
const SLOT_GAUGES: ReadonlySet<number> = new Set([SLOT.inFlight, SLOT.held, SLOT.tunnels])

/** What a page says of this moment; the death of the worker ends it. */
const WORKER_GAUGES: ReadonlySet<number> = new Set([
  WORKER.connectionsOpen, WORKER.upstreamOpen, WORKER.upstreamIdle, WORKER.loopLagS, WORKER.loopLagMaxS, WORKER.loopUtilization
])

interface WorkerMemory {
  readonly page: SharedArrayBuffer
  readonly pageDoubles: Float64Array
  readonly segments: SharedArrayBuffer[]
  readonly segmentDoubles: Float64Array[]
}

/**
 * The control plane's side of the shared counters: which slot counts for which version, the memory of each worker, and
 * the sums over all of them.
 *
 * Only a worker writes its memory. The one exception is a slot that goes to another version: it is emptied here, after a
 * rest and when nothing is in flight on it any more, so that no worker writes it at that time.
 */
export class CounterBook {
  readonly #slots: SlotAllocator
  readonly #workers = new Map<number, WorkerMemory>()
  /** What workers that are gone have counted, one array for each segment. */
  readonly #base: Float64Array[] = []
  /** The same for worker pages, by the worker's place. */
  readonly #pageBase = new Map<number, Float64Array>()

  constructor (clock: Clock, quarantineMs = QUARANTINE_MS) {
    this.#slots = new SlotAllocator({
      clock,
      quarantineMs,
      isQuiet: slot => this.#inFlight(slot) === 0,
      recycle: slot => { this.#empty(slot) }
    })
  }

  /**
   * The slot of a version, the same in every worker; allocates one if it has none. When that needs another segment, every
   * worker gets one: send `segmentsOf` with the slots.
   */
  slotFor (route: string, version: string): number {
    const slot = this.#slots.take(route, version)
    this.#grow()
    return slot
  }

  /** Declares all versions that exist: others are released, missing ones get a slot. */
  retain (versions: Iterable<VersionRef>): void {
    this.#slots.retain(versions)
    this.#grow()
  }

  /**
   * Makes the memory of a worker.
   * @param workerId the worker's place, from 0; a replacement takes the place of the worker that died
   * @throws RangeError when the place is taken
   */
  addWorker (workerId: number): { readonly page: SharedArrayBuffer } {
    if (this.#workers.has(workerId)) throw new RangeError(`worker ${workerId} is in the book already; remove it first`)
    const page = new SharedArrayBuffer(WORKER_LENGTH * Float64Array.BYTES_PER_ELEMENT)
    const memory: WorkerMemory = { page, pageDoubles: new Float64Array(page), segments: [], segmentDoubles: [] }
    this.#workers.set(workerId, memory)
    for (let index = 0; index < this.#base.length; index++) addSegment(memory)
    return { page }
  }

  /** The counter segments of a worker, in order. */
  segmentsOf (workerId: number): readonly SharedArrayBuffer[] {
    const memory = this.#workers.get(workerId)
    if (memory === undefined) throw new RangeError(`worker ${workerId} is not in the book`)
    return [...memory.segments]
  }

  /** Keeps what a worker has counted and forgets what it had in hand. Call it when the worker has ended. */
  removeWorker (workerId: number): void {
    const memory = this.#workers.get(workerId)
    if (memory === undefined) return
    this.#workers.delete(workerId)
    for (const [index, doubles] of memory.segmentDoubles.entries()) {
      addDoubles(this.#base[index], doubles, offset => SLOT_GAUGES.has(offset % SLOT_LENGTH))
    }
    const pageBase = this.#pageBase.get(workerId) ?? new Float64Array(WORKER_LENGTH)
    addDoubles(pageBase, memory.pageDoubles, offset => WORKER_GAUGES.has(offset))
    this.#pageBase.set(workerId, pageBase)
  }

  /** The places of all workers that have ever been in the book, in order. */
  workerIds (): readonly number[] {
    return [...new Set([...this.#workers.keys(), ...this.#pageBase.keys()])].sort((left, right) => left - right)
  }

  /** The number of workers in the book now. */
  get workerCount (): number {
    return this.#workers.size
  }

  /** What all workers have counted for a version; undefined when the version has no slot. */
  read (route: string, version: string): VersionCounters | undefined {
    const slot = new Float64Array(SLOT_LENGTH)
    return this.readInto(route, version, slot) ? versionCounters(slot) : undefined
  }

  /**
   * Writes the sums of a version to `target` from `at` on, in the layout of a slot, without making anything.
   * @returns false when the version has no slot; they are then all zero
   */
  readInto (route: string, version: string, target: Float64Array, at = 0): boolean {
    target.fill(0, at, at + SLOT_LENGTH)
    const slot = this.#slots.slotOf(route, version)
    if (slot === undefined) return false
    const segment = Math.floor(slot / SLOTS_PER_SEGMENT)
    const start = (slot % SLOTS_PER_SEGMENT) * SLOT_LENGTH
    addSlot(target, at, this.#base[segment], start)
    for (const memory of this.#workers.values()) addSlot(target, at, memory.segmentDoubles[segment], start)
    return true
  }

  /** Finished requests of every version. */
  * requestCounts (): Generator<VersionRef & { readonly requests: number }> {
    for (const [{ route, version }, slot] of this.#slots.live()) {
      if (version === ROUTE_ITSELF) continue
      let requests = 0
      for (let index = 0; index < CODE_CLASSES.length; index++) requests += this.#sum(slot, SLOT.requestsByClass + index)
      yield { route, version, requests }
    }
  }

  /** What the worker at a place has counted, those before it included. All zero for an unknown place. */
  readWorker (workerId: number): WorkerCounters {
    const page = new Float64Array(WORKER_LENGTH)
    const before = this.#pageBase.get(workerId)
    if (before !== undefined) page.set(before)
    const memory = this.#workers.get(workerId)
    if (memory !== undefined) addDoubles(page, memory.pageDoubles, () => false)
    return workerCounters(page)
  }

  #grow (): void {
    while (this.#base.length * SLOTS_PER_SEGMENT < this.#slots.size) {
      this.#base.push(new Float64Array(SLOT_LENGTH * SLOTS_PER_SEGMENT))
      for (const memory of this.#workers.values()) addSegment(memory)
    }
  }

  #sum (slot: number, index: number): number {
    const segment = Math.floor(slot / SLOTS_PER_SEGMENT)
    const offset = (slot % SLOTS_PER_SEGMENT) * SLOT_LENGTH + index
    let sum = this.#base[segment]?.[offset] ?? 0
    for (const memory of this.#workers.values()) sum += memory.segmentDoubles[segment]?.[offset] ?? 0
    return sum
  }

  /** Largest over the workers, so that a worker that counts wrongly cannot cancel out another. */
  #inFlight (slot: number): number {
    const segment = Math.floor(slot / SLOTS_PER_SEGMENT)
    const offset = (slot % SLOTS_PER_SEGMENT) * SLOT_LENGTH + SLOT.inFlight
    let largest = 0
    for (const memory of this.#workers.values()) largest = Math.max(largest, memory.segmentDoubles[segment]?.[offset] ?? 0)
    return largest
  }

  #empty (slot: number): void {
    const segment = Math.floor(slot / SLOTS_PER_SEGMENT)
    const start = (slot % SLOTS_PER_SEGMENT) * SLOT_LENGTH
    this.#base[segment]?.fill(0, start, start + SLOT_LENGTH)
    for (const memory of this.#workers.values()) memory.segmentDoubles[segment]?.fill(0, start, start + SLOT_LENGTH)
  }
}

function addSegment (memory: WorkerMemory): void {
  const segment = new SharedArrayBuffer(SEGMENT_BYTES)
  memory.segments.push(segment)
  memory.segmentDoubles.push(new Float64Array(segment))
}

function addSlot (target: Float64Array, at: number, doubles: Float64Array | undefined, start: number): void {
  if (doubles === undefined) return
  for (let index = 0; index < SLOT_LENGTH; index++) target[at + index] = (target[at + index] ?? 0) + (doubles[start + index] ?? 0)
}

function addDoubles (target: Float64Array | undefined, doubles: Float64Array, skip: (offset: number) => boolean): void {
  if (target === undefined) return
  for (const [offset, value] of doubles.entries()) {
    if (!skip(offset)) target[offset] = (target[offset] ?? 0) + value
  }
}
