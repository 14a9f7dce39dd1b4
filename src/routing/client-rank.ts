/**
 * Which clients are in a sample: those whose keys have a low rank. It depends on the key alone, so that whoever samples, samples the same.
 */
import { mix32 } from '../core/hash.ts'

/** Ranks have 31 bits: small integers to V8. */
export const CLIENT_RANKS = 2 ** 31
/** Mixed into the key, whose own bits the split draws by. */
const SEED = 0x27d4eb2f

/** From 0 up to, not including, CLIENT_RANKS. */
export function clientRank (keyHash: number): number {
  return mix32(keyHash ^ SEED) >>> 1
}

/** Is the client in a sample of this part of all clients? @param part from 0 to 1 */
export function isSampled (keyHash: number, part: number): boolean {
  return clientRank(keyHash) < part * CLIENT_RANKS
}
