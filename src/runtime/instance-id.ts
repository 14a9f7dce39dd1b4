import { randomBytes } from 'node:crypto'

const BYTES = 6

/** A text that no other process has: at most ten characters of base 36. */
export function instanceId (): string {
  return randomBytes(BYTES).readUIntBE(0, BYTES).toString(36)
}
