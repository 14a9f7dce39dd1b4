/**
 * Where the messages of a connection end, as far as it takes to hand a parser no byte of the next one. It trusts nothing to be
 * HTTP: what is none is cut somewhere, and the parser refuses it.
 */

const CR = 0x0d
const LF = 0x0a
/** CR LF CR LF: the end of a head, and of a body in chunks with its trailers. */
const END_LENGTH = 4

/** Line feeds before a request that are left out (RFC 9112 section 2.2); a client that sends more of them sends nothing else. */
export const MAX_BLANKS = 64

export class MessageCutter {
  /** How much of CR LF CR LF the bytes so far end with. */
  #matched = 0
  /** Bytes of a body of known length that are to come; null where only an empty line can end the message. */
  #left: number | null = null

  /** A request begins: what comes next is its head. */
  reset (): void {
    this.#matched = 0
    this.#left = null
  }

  /** A head has ended, and a body of so many bytes follows; of undefined: in chunks. */
  beginBody (length: number | undefined): void {
    this.#matched = 0
    this.#left = length ?? null
  }

  /** How many of the bytes may be handed over: up to the next place where a message can end, which they may not reach. */
  take (bytes: Uint8Array): number {
    if (this.#left === null) return this.#toEmptyLine(bytes)
    const taken = Math.min(this.#left, bytes.length)
    this.#left -= taken
    return taken
  }

  #toEmptyLine (bytes: Uint8Array): number {
    for (const [index, byte] of bytes.entries()) {
      const wanted = this.#matched % 2 === 0 ? CR : LF
      if (byte === wanted) this.#matched++
      else this.#matched = byte === CR ? 1 : 0
      if (this.#matched < END_LENGTH) continue
      this.#matched = 0
      return index + 1
    }
    return bytes.length
  }
}

/** How many CR and LF the bytes begin with. */
export function countBlanks (bytes: Uint8Array): number {
  const first = bytes.findIndex(byte => byte !== CR && byte !== LF)
  return first === -1 ? bytes.length : first
}
