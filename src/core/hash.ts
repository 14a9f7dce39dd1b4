/**
 * Hashing for routing decisions. Not for secrets: an attacker can find collisions.
 *
 * FNV-1a over the code units, then the finaliser of MurmurHash3 (Austin Appleby, public domain), which makes every input
 * bit reach every output bit. Raw FNV-1a is not enough: names that differ in their last character stay correlated and
 * give a canary 0 % or 38 % where 25 % was asked for.
 *
 * Every hash is a signed 32-bit integer. V8 keeps those as small integers; an unsigned one of 2^31 and up would be put on
 * the heap each time it crosses a call that is not inlined.
 */

/** Hashes a string's UTF-16 code units. */
export function hashString (text: string, seed = 0): number {
  return hashRange(text, 0, text.length, seed)
}

/** Hashes the code units of `text` from `start` up to, not including, `end`, as hashString does those of the substring. */
export function hashRange (text: string, start: number, end: number, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) | 0
  for (let index = start; index < end; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return mix32(hash)
}

/** Mixes two hashes into one; not commutative. For a fixed `left` or a fixed `right` it is a bijection of the other. */
export function combineHashes (left: number, right: number): number {
  return mix32(Math.imul(left, 0x9e3779b1) + right | 0)
}

/** The 32-bit finaliser of MurmurHash3: a bijection in which every input bit changes half of the output bits. */
export function mix32 (value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
