import { isLoopback } from '../core/ip.ts'

/** What is left of the smallest packet that every IPv6 path carries (RFC 8200 section 5), without headers and TCP options. */
const SMALLEST_BYTES = 1_200
/** The loopback interface has packets of 64 KiB; Linux keeps a segment to half of the window, which begins with as much. */
const LOOPBACK_BYTES = 16_384

/** How many bytes that are written at once reach an address in one piece: all of them, or none. */
export function oneSegmentBytes (address: string): number {
  return isLoopback(address) ? LOOPBACK_BYTES : SMALLEST_BYTES
}
