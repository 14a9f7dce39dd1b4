/**
 * Who is on a list, in memory that all threads share: written by the control plane alone, read by every worker without a lock or a message.
 *
 * An open hash table. A member is a slot of two 32-bit words, the halves of a keyed hash of its text; the texts themselves are in the
 * control plane. That a text which is no member is found needs 64 bits to agree: with 100,000 members, once in 10^14 questions, and nobody
 * can look for such a text without the key. A slot is filled from its second word to its first, which says whether there is anything, and
 * no member moves while it stays: a reader sees each change at once, and never one by half.
 */
import { HalfSipHash } from '../core/half-sip-hash.ts'
import type { Membership } from './membership.ts'

/** Words before the first slot: the key. */
const HEAD = 2
const EMPTY = 0
/** A member was here, and others that were put behind it may be. */
const GONE = 1
const SMALLEST = 64
/** Of the slots, those that may be filled or gone; in a full table a text that is no member costs 13 looks on average. */
const MOST_FILLED = 0.8

/** 64 bits that no client knows. The hashes of two tables can be exchanged only when they have the same. */
export interface TableKey {
  readonly low: number
  readonly high: number
}

/** The table as a reader has it. */
export class MemberTable implements Membership {
  readonly #words: Int32Array
  readonly #mask: number
  readonly #hash: HalfSipHash

  constructor (memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory)
    this.#mask = slotCount(this.#words) - 1
    this.#hash = new HalfSipHash(this.#words[0] ?? 0, this.#words[1] ?? 0)
  }

  has (text: string): boolean {
    const hash = this.#hash
    hash.hash(text)
    return findSlot(this.#words, this.#mask, firstWord(hash.low), hash.high) !== -1
  }
}

/** A list of a route, which is asked through all tables that it ever has. Nobody is on it before the first. */
export class ListMembership implements Membership {
  #table: MemberTable | null = null

  has (text: string): boolean {
    return this.#table?.has(text) ?? false
  }

  replace (memory: SharedArrayBuffer): void {
    this.#table = new MemberTable(memory)
  }
}

/** The one that writes. */
export class MemberTableWriter {
  readonly #key: TableKey
  readonly #hash: HalfSipHash
  #memory: SharedArrayBuffer
  #words: Int32Array
  #mask: number
  #members = 0
  /** Slots that are not empty. */
  #used = 0

  /** @param room for so many members at once; it grows when there are more */
  constructor (key: TableKey, room = 0) {
    this.#key = key
    this.#hash = new HalfSipHash(key.low, key.high)
    this.#memory = tableMemory(key, slotsFor(room))
    this.#words = new Int32Array(this.#memory)
    this.#mask = slotCount(this.#words) - 1
  }

  /** What readers need. Another one after a change that needed more room. */
  get memory (): SharedArrayBuffer { return this.#memory }

  get size (): number { return this.#members }

  /**
   * Adds a member, for those who read the memory of before and for those who will read the memory of after it.
   * @returns false when it was there already
   */
  add (text: string): boolean {
    const hash = this.#hash
    hash.hash(text)
    const first = firstWord(hash.low)
    if (findSlot(this.#words, this.#mask, first, hash.high) !== -1) return false
    this.#put(first, hash.high)
    // Behind it: whoever has not heard of the new memory finds this member too.
    if (this.#used >= (this.#mask + 1) * MOST_FILLED) this.#renew()
    return true
  }

  /** Takes a member away. @returns false when it was not there */
  delete (text: string): boolean {
    const hash = this.#hash
    hash.hash(text)
    let slot = findSlot(this.#words, this.#mask, firstWord(hash.low), hash.high)
    if (slot === -1) return false
    this.#members--
    Atomics.store(this.#words, wordOf(slot), GONE)
    // Where nothing comes after it, nobody has to look further.
    if (this.#at(slot + 1) !== EMPTY) return true
    while (this.#at(slot) === GONE) {
      Atomics.store(this.#words, wordOf(slot & this.#mask), EMPTY)
      this.#used--
      slot--
    }
    return true
  }

  #at (slot: number): number {
    return Atomics.load(this.#words, wordOf(slot & this.#mask))
  }

  /** In the first slot that nobody is in. */
  #put (first: number, second: number): void {
    let slot = first & this.#mask
    while (this.#at(slot) !== EMPTY && this.#at(slot) !== GONE) slot = slot + 1 & this.#mask
    if (this.#at(slot) === EMPTY) this.#used++
    Atomics.store(this.#words, wordOf(slot) + 1, second)
    Atomics.store(this.#words, wordOf(slot), first)
    this.#members++
  }

  /** Other memory, with room for as many again and without the slots of those that are gone. The old one stays as it is. */
  #renew (): void {
    const before = this.#words
    const slots = slotCount(before)
    this.#memory = tableMemory(this.#key, slotsFor(this.#members * 2))
    this.#words = new Int32Array(this.#memory)
    this.#mask = slotCount(this.#words) - 1
    this.#members = 0
    this.#used = 0
    for (let slot = 0; slot < slots; slot++) {
      const first = before[wordOf(slot)] ?? EMPTY
      if (first !== EMPTY && first !== GONE) this.#put(first, before[wordOf(slot) + 1] ?? 0)
    }
  }
}

function tableMemory ({ low, high }: TableKey, slots: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((HEAD + slots * 2) * Int32Array.BYTES_PER_ELEMENT)
  const words = new Int32Array(memory)
  words[0] = low
  words[1] = high
  return memory
}

/** A power of two, so that a slot is chosen by a mask. */
function slotsFor (members: number): number {
  let slots = SMALLEST
  while (slots * MOST_FILLED <= members) slots *= 2
  return slots
}

function slotCount (words: Int32Array): number {
  return (words.length - HEAD) / 2
}

function wordOf (slot: number): number {
  return HEAD + slot * 2
}

/** Never one that says that there is nothing. */
function firstWord (half: number): number {
  return half === EMPTY || half === GONE ? half + 2 : half
}

/** Where a hash is; -1 for nowhere. There is an empty slot always, unless a writer fills them while this looks. */
function findSlot (words: Int32Array, mask: number, first: number, second: number): number {
  let slot = first & mask
  for (let looks = 0; looks <= mask; looks++) {
    const word = Atomics.load(words, HEAD + slot * 2)
    if (word === EMPTY) return -1
    if (word === first && Atomics.load(words, HEAD + slot * 2 + 1) === second) return slot
    slot = slot + 1 & mask
  }
  return -1
}
