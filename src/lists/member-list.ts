/**
 * Who is on a list, as text: what people read and what is stored. Workers have hashes of it (src/placement/member-table.ts).
 */

/** Which list. */
export interface ListRef {
  readonly route: string
  readonly list: string
}

/** All members of a list may have so many bytes of UTF-8, a line end for each counted with them. */
export const MAX_LIST_BYTES = 32 * 1_048_576

/** Members by the order of their code units, which is what pages are cut from. It never changes: a change makes another one. */
export class MemberList {
  static readonly EMPTY = new MemberList([], 0)

  readonly ids: readonly string[]
  /** Of UTF-8, with a line end for each. */
  readonly bytes: number

  /** Use `of`: these are in order. */
  constructor (ids: readonly string[], bytes: number) {
    this.ids = ids
    this.bytes = bytes
  }

  /** @param ids each once, in any order */
  static of (ids: Iterable<string>): MemberList {
    const sorted = [...ids].sort()
    return new MemberList(sorted, sorted.reduce((sum, id) => sum + bytesOf(id), 0))
  }

  get size (): number { return this.ids.length }

  has (id: string): boolean {
    return this.ids[this.#indexOf(id)] === id
  }

  /** The first index whose member does not come before this text. */
  #indexOf (id: string): number {
    let [low, high] = [0, this.ids.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.ids[middle] ?? '') < id) low = middle + 1
      else high = middle
    }
    return low
  }

  /** With one member more; itself when it has it. */
  with (id: string): MemberList {
    const index = this.#indexOf(id)
    return this.ids[index] === id ? this : new MemberList(this.ids.toSpliced(index, 0, id), this.bytes + bytesOf(id))
  }

  /** With one member less; itself when it does not have it. */
  without (id: string): MemberList {
    const index = this.#indexOf(id)
    return this.ids[index] === id ? new MemberList(this.ids.toSpliced(index, 1), this.bytes - bytesOf(id)) : this
  }

  /** With all members of another one; itself when it has them. */
  union (other: MemberList): MemberList {
    const { gained } = differenceOf(this, other)
    return gained.length === 0 ? this : MemberList.of([...this.ids, ...gained])
  }

  /** The members behind a text, which need not be one; the first ones without it. */
  page (after: string | undefined, limit: number): readonly string[] {
    const index = after === undefined ? 0 : this.#indexOf(after)
    const from = after !== undefined && this.ids[index] === after ? index + 1 : index
    return this.ids.slice(from, from + limit)
  }
}

function bytesOf (id: string): number {
  return Buffer.byteLength(id) + 1
}

/** What one list has and another has not. */
export interface ListDifference {
  readonly gained: readonly string[]
  readonly lost: readonly string[]
}

/** From one list to another, in one walk along both. What is the same at both ends is passed over first: most changes are one member. */
export function differenceOf ({ ids: before }: MemberList, { ids: after }: MemberList): ListDifference {
  let start = 0
  while (start < before.length && before[start] === after[start]) start++
  let [beforeEnd, afterEnd] = [before.length, after.length]
  while (beforeEnd > start && afterEnd > start && before[beforeEnd - 1] === after[afterEnd - 1]) {
    beforeEnd--
    afterEnd--
  }
  const gained: string[] = []
  const lost: string[] = []
  let at = start
  for (const id of after.slice(start, afterEnd)) {
    for (let old = before[at]; at < beforeEnd && old !== undefined && old < id; old = before[++at]) lost.push(old)
    if (at < beforeEnd && before[at] === id) at++
    else gained.push(id)
  }
  return { gained, lost: [...lost, ...before.slice(at, beforeEnd)] }
}
