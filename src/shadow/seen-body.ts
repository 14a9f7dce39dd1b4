/**
 * The body of an answer as far as it is compared: a digest of it, and its bytes only while they are few and JSON, or an example needs its
 * beginning. What it looks at is lent to it for the call.
 */
import { createHash, type Hash } from 'node:crypto'
import { canonicalJson, type JsonPath } from './canonical-json.ts'
import type { ShadowBytes } from './shadow-room.ts'

const DIGEST_DIGITS = 32

export interface SeenBodyTerms {
  /** No more of it is looked at. */
  readonly maxBytes: number
  /** So many bytes may be kept to be read as JSON. */
  readonly maxJsonBytes: number
  /** So many bytes of its beginning are kept. */
  readonly exampleBytes: number
}

export class SeenBody {
  /** Bytes that were looked at. */
  bytes = 0
  /** There was more than is looked at. */
  cut = false
  /** There was no room to keep what is needed. */
  lost = false
  readonly #terms: SeenBodyTerms
  readonly #room: ShadowBytes
  /** Null when it is not compared as JSON. */
  #pieces: Buffer[] | null
  #hash: Hash | null = null
  #digest = ''
  readonly #start: Buffer[] = []
  #startBytes = 0

  constructor (terms: SeenBodyTerms, room: ShadowBytes, isJson: boolean) {
    this.#terms = terms
    this.#room = room
    this.#pieces = isJson && terms.maxJsonBytes > 0 ? [] : null
  }

  add (buf: Buffer, start: number, end: number): void {
    const rest = this.#terms.maxBytes - this.bytes
    if (end === start || this.cut || this.lost) return
    if (end - start > rest) this.cut = true
    const piece = buf.subarray(start, Math.min(end, start + rest))
    if (piece.length === 0) return
    this.bytes += piece.length
    this.#keepStart(piece)
    if (this.#pieces !== null && this.bytes <= this.#terms.maxJsonBytes) this.#keep(this.#pieces, piece)
    else this.#hashed().update(piece)
  }

  #keep (pieces: Buffer[], piece: Buffer): void {
    if (this.#room.takePiece(piece.length)) pieces.push(Buffer.from(piece))
    else this.lost = true
  }

  /** From here on the bytes are not kept any more. */
  #hashed (): Hash {
    const hash = this.#hash ??= createHash('sha256')
    for (const piece of this.#pieces ?? []) hash.update(piece)
    this.#pieces = null
    return hash
  }

  #keepStart (piece: Buffer): void {
    const bytes = Math.min(piece.length, this.#terms.exampleBytes - this.#startBytes)
    if (bytes <= 0 || !this.#room.take(bytes)) return
    this.#start.push(Buffer.from(piece.subarray(0, bytes)))
    this.#startBytes += bytes
  }

  /** Of all that was looked at. Nothing is added afterwards. */
  get digest (): string {
    if (this.#digest !== '') return this.#digest
    const hash = this.#hash ?? createHash('sha256')
    if (this.#hash === null) for (const piece of this.#pieces ?? []) hash.update(piece)
    this.#digest = hash.digest('hex').slice(0, DIGEST_DIGITS)
    return this.#digest
  }

  /** What an example shows of it; undefined when examples have no bodies. */
  get beginning (): string | undefined {
    return this.#terms.exampleBytes === 0 ? undefined : Buffer.concat(this.#start).toString('utf8')
  }

  /** The bytes, when they are kept. */
  get #whole (): Buffer | null { return this.#pieces === null || this.cut ? null : Buffer.concat(this.#pieces) }

  /** Both have ended, or are longer than is compared. @returns null when that can't be told */
  equals (other: SeenBody, leftOut: readonly JsonPath[]): boolean | null {
    if (this.lost || other.lost) return null
    const [one, two] = [this.#whole, other.#whole]
    if (one !== null && two !== null) {
      if (one.equals(two)) return true
      const canonical = canonicalJson(one, leftOut)
      return canonical !== null && canonical === canonicalJson(two, leftOut)
    }
    return this.cut === other.cut && this.bytes === other.bytes && this.digest === other.digest
  }
}
