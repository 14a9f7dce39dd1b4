import { combineHashes, hashString } from '../core/hash.ts'

const DOT = 0x2e
const COLON = 0x3a
const DIGIT_0 = 0x30

const IPV4_SEED = 4
const IPV6_SEED = 6

/**
 * Turns the text of an IP address into the hash by which its client is recognised.
 *
 * - IPv4: the whole address.
 * - IPv6: the first 64 bits. A host takes new addresses inside its /64 as it likes (RFC 8981); the network stays.
 * - IPv4 inside IPv6 (`::ffff:192.0.2.1` of RFC 4291, `64:ff9b::192.0.2.1` of RFC 6052): as the IPv4 address, or every
 *   IPv4 client would be one client.
 * - A zone (`fe80::1%eth0`) is left out. Text that is no address is hashed as it is.
 *
 * All ways to write one address give one hash. A class only to own the scratch array: it runs for every request, so it
 * makes no substrings and no lists.
 */
export class IpKey {
  readonly #groups = new Uint16Array(8)

  /**
   * The key hash of an address: a signed 32-bit integer.
   * @param seed a secret one keeps a client from choosing an address with the key of another
   */
  hash (address: string, seed = 0): number {
    if (!address.includes(':')) {
      const ipv4 = readIpv4(address, 0, address.length)
      return ipv4 === -1 ? hashString(address, seed) : hashIpv4(ipv4, seed)
    }
    if (!this.#readIpv6(address)) return hashString(address, seed)
    const high = this.#pair(0)
    const low = this.#pair(2)
    const third = this.#pair(4)
    const embedsIpv4 = low === 0 && ((high === 0 && third === 0xffff) || (high === 0x0064ff9b && third === 0))
    if (embedsIpv4) return hashIpv4(this.#pair(6) >>> 0, seed)
    return combineHashes(combineHashes(IPV6_SEED ^ seed, high), low)
  }

  /** Two groups as one signed 32-bit integer. */
  #pair (index: number): number {
    return ((this.#groups[index] ?? 0) << 16) | (this.#groups[index + 1] ?? 0)
  }

  /** Fills the scratch array with the eight groups (RFC 4291 section 2.2). */
  #readIpv6 (text: string): boolean {
    const groups = this.#groups
    const zone = text.indexOf('%')
    const end = zone === -1 ? text.length : zone
    let count = 0
    let gap = -1
    let index = 0
    if (text.startsWith('::')) {
      gap = 0
      index = 2
    }
    while (index < end) {
      if (count === 8) return false
      const stop = endOfGroup(text, index, end)
      if (stop < end && text.charCodeAt(stop) === DOT) {
        const ipv4 = readIpv4(text, index, end)
        if (ipv4 === -1 || count > 6) return false
        groups[count++] = ipv4 >>> 16
        groups[count++] = ipv4 & 0xffff
        break
      }
      const group = readHex(text, index, stop)
      if (group === -1) return false
      groups[count++] = group
      if (stop === end) break
      index = stop + 1
      if (text.charCodeAt(index) === COLON && index < end) {
        if (gap !== -1) return false
        gap = count
        index++
      } else if (index === end) {
        return false
      }
    }
    if (gap === -1) return count === 8
    if (count === 8) return false
    groups.copyWithin(8 - (count - gap), gap, count)
    groups.fill(0, gap, 8 - (count - gap))
    return true
  }
}

function hashIpv4 (address: number, seed: number): number {
  return combineHashes(IPV4_SEED ^ seed, address)
}

/** The place of the first `:` or `.` from `start` on, or `end`. */
function endOfGroup (text: string, start: number, end: number): number {
  let index = start
  while (index < end) {
    const code = text.charCodeAt(index)
    if (code === COLON || code === DOT) break
    index++
  }
  return index
}

/** One to four hexadecimal digits; -1 when it is something else. */
function readHex (text: string, start: number, end: number): number {
  if (end === start || end - start > 4) return -1
  let value = 0
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index)
    const letter = code | 0x20
    let digit = code - DIGIT_0
    if (digit < 0 || digit > 9) digit = letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
    if (digit === -1) return -1
    value = value << 4 | digit
  }
  return value
}

/** A dotted quad as an unsigned number; -1 when it is none. A leading zero is refused: some would read it as octal. */
function readIpv4 (text: string, start: number, end: number): number {
  let address = 0
  let part = 0
  let digits = 0
  let dots = 0
  for (let index = start; index < end; index++) {
    const code = text.charCodeAt(index)
    if (code === DOT) {
      if (digits === 0 || ++dots > 3) return -1
      address = address * 256 + part
      part = 0
      digits = 0
      continue
    }
    const digit = code - DIGIT_0
    if (digit < 0 || digit > 9 || (digits > 0 && part === 0)) return -1
    part = part * 10 + digit
    if (part > 255) return -1
    digits++
  }
  return dots === 3 && digits > 0 ? address * 256 + part : -1
}
