/**
 * Writes bytes one after the other into a buffer that is known to be large enough. Hot.
 */

/** Up to so many bytes a loop is cheaper than the call into the runtime. */
const LOOP_BYTES = 48

export class ByteWriter {
  readonly out: Buffer
  /** Behind what has been written. */
  position: number

  constructor (out: Buffer, position: number) {
    this.out = out
    this.position = position
  }

  /** Writes `source[from, to)`. */
  range (source: Buffer, from: number, to: number): void {
    const length = to - from
    const { out, position } = this
    if (length > LOOP_BYTES) {
      source.copy(out, position, from, to)
    } else {
      for (let index = 0; index < length; index++) out[position + index] = source[from + index] ?? 0
    }
    this.position = position + length
  }

  all (source: Buffer): void {
    this.range(source, 0, source.length)
  }

  byte (byte: number): void {
    this.out[this.position++] = byte
  }

  /** Writes Latin-1 text. */
  text (text: string): void {
    this.position += this.out.write(text, this.position, 'latin1')
  }
}
