/**
 * How many connections each listener and each client has, over all workers, in memory that the workers share.
 *
 * A worker writes only its own region and reads all of them, so the death of a worker leaves nothing behind: its region is
 * emptied. Who enters adds first and looks then, in sequentially consistent steps, so that two workers never let in more
 * than the limit; at worst both refuse the last place.
 *
 * Clients are counted in a count-min sketch (Cormode and Muthukrishnan, 2005), because there may be any number of them: two
 * rows of cells, and an address has a cell in each. The smaller sum is never too small; it is too large only when other
 * clients share both cells. The secret seeds keep a client from choosing addresses that share the cells of another.
 * Memory that no client has been counted in is never touched, so the system does not provide it.
 */
import type { Random } from '../core/random.ts'
import { IpKey } from '../routing/ip-key.ts'

/** Cells in a row of the sketch: a power of 2. */
const ROW_CELLS = 65_536
const CELL_MASK = ROW_CELLS - 1

/** Where the numbers are that say what the memory holds. */
const HEADER = { workers: 0, listeners: 1, firstSeed: 2, secondSeed: 3, length: 4 } as const

/** Where a client is counted: a cell in each row. */
export interface ClientCells {
  readonly first: number
  readonly second: number
}

/** Makes the memory for so many workers and listeners, all of it empty. */
export function createLedgerMemory (workers: number, listeners: number, random: Random): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((HEADER.length + workers * regionLength(listeners)) * Int32Array.BYTES_PER_ELEMENT)
  new Int32Array(memory).set([workers, listeners, random.nextInt32(), random.nextInt32()])
  return memory
}

function regionLength (listeners: number): number {
  return listeners + 2 * ROW_CELLS
}

export class ConnectionLedger {
  readonly #counts: Int32Array
  readonly #workers: number
  readonly #listeners: number
  readonly #regionLength: number
  /** Where this worker's region starts. */
  readonly #own: number
  readonly #firstSeed: number
  readonly #secondSeed: number
  readonly #ipKey = new IpKey()

  /** @param worker the place of the worker whose ledger this is, from 0 */
  constructor (memory: SharedArrayBuffer, worker: number) {
    const counts = new Int32Array(memory)
    this.#counts = counts
    this.#workers = counts[HEADER.workers] ?? 0
    this.#listeners = counts[HEADER.listeners] ?? 0
    this.#firstSeed = counts[HEADER.firstSeed] ?? 0
    this.#secondSeed = counts[HEADER.secondSeed] ?? 0
    this.#regionLength = regionLength(this.#listeners)
    this.#own = HEADER.length + worker * this.#regionLength
    if (worker >= this.#workers) throw new RangeError(`the ledger has no region for worker ${worker}`)
  }

  /** Whose connections are counted. */
  get workers (): number { return this.#workers }

  /**
   * Counts a connection of a listener.
   * @param limit the most there may be; 0 sets no limit
   * @returns false when there are so many already; it is not counted then
   */
  enterListener (listener: number, limit: number): boolean {
    this.#add(listener, 1)
    if (limit === 0 || this.listenerCount(listener) <= limit) return true
    this.#add(listener, -1)
    return false
  }

  leaveListener (listener: number): void {
    this.#add(listener, -1)
  }

  /**
   * Counts a connection of a client: an IPv4 address or the /64 of an IPv6 address. It is taken for more at times than it has, never for
   * fewer.
   * @returns its cells, to leave by; undefined when there are `limit` already; it is not counted then
   */
  enterClient (address: string, limit: number): ClientCells | undefined {
    const cells = this.#cellsOf(address)
    this.#addClient(cells, 1)
    if (this.#countAt(cells) <= limit) return cells
    this.#addClient(cells, -1)
    return undefined
  }

  leaveClient (cells: ClientCells): void {
    this.#addClient(cells, -1)
  }

  /** Connections of a listener, over all workers. */
  listenerCount (listener: number): number {
    return this.#sum(listener)
  }

  /** Forgets all of this worker's connections. To be called when nobody writes its region any more. */
  clear (): void {
    const end = this.#own + this.#regionLength
    // A write would make the system provide memory that was never used.
    for (let index = this.#own; index < end; index++) if (this.#counts[index] !== 0) this.#counts[index] = 0
  }

  #cellsOf (address: string): ClientCells {
    return {
      first: this.#listeners + (this.#ipKey.hash(address, this.#firstSeed) & CELL_MASK),
      second: this.#listeners + ROW_CELLS + (this.#ipKey.hash(address, this.#secondSeed) & CELL_MASK)
    }
  }

  #addClient ({ first, second }: ClientCells, change: number): void {
    this.#add(first, change)
    this.#add(second, change)
  }

  #countAt ({ first, second }: ClientCells): number {
    return Math.min(this.#sum(first), this.#sum(second))
  }

  #add (offset: number, change: number): void {
    Atomics.add(this.#counts, this.#own + offset, change)
  }

  #sum (offset: number): number {
    let sum = 0
    for (let worker = 0; worker < this.#workers; worker++) {
      sum += Atomics.load(this.#counts, HEADER.length + worker * this.#regionLength + offset)
    }
    return sum
  }
}
