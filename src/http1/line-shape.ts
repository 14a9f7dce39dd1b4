/**
 * The beginning of a line that is not complete yet, held against what it has to look like. Garbage is refused at once, even if
 * its line never ends.
 */

const ZERO = 0x30
const NINE = 0x39
/** Stands for a digit. */
const ANY_DIGIT = 0x23

/**
 * Do the bytes `buf[start, end)` look like the beginning of `shape`, in which `#` stands for a digit? What is behind the shape is not
 * looked at.
 */
export function fitsLineShape (buf: Uint8Array, start: number, end: number, shape: string): boolean {
  for (let index = 0; index < shape.length && start + index < end; index++) {
    const byte = buf[start + index] ?? 0
    const expected = shape.charCodeAt(index)
    if (expected === ANY_DIGIT ? byte < ZERO || byte > NINE : byte !== expected) return false
  }
  return true
}
