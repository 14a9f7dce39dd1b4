/** Bytes as they come, in one piece. */
export class ByteLog {
  #memory = Buffer.alloc(256)
  #length = 0

  /** All of them. What was handed out before stays as it was. */
  get bytes (): Buffer { return this.#memory.subarray(0, this.#length) }
  get length (): number { return this.#length }

  append (bytes: Buffer): void {
    const length = this.#length + bytes.length
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafeSlow(length * 2)
      this.#memory.copy(larger, 0, 0, this.#length)
      this.#memory = larger
    }
    bytes.copy(this.#memory, this.#length)
    this.#length = length
  }

  /** Forgets the first ones. */
  drop (length: number): void {
    const rest = this.bytes.subarray(length)
    this.#memory = Buffer.alloc(256)
    this.#length = 0
    this.append(rest)
  }
}
