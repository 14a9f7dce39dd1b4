/** The polynomial of Castagnoli, bits reversed (RFC 3720 section 12.1). */
const POLYNOMIAL = 0x82f63b78

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ ((remainder & 1) === 0 ? 0 : POLYNOMIAL)
  return remainder
})

/**
 * The CRC32C checksum of RFC 9260 appendix A, as an unsigned number.
 * @param seed the checksum of the bytes before, when they come in parts
 */
export function crc32c (bytes: Uint8Array, seed = 0): number {
  let remainder = ~seed
  for (const byte of bytes) remainder = (remainder >>> 8) ^ (TABLE[(remainder ^ byte) & 0xff] ?? 0)
  return ~remainder >>> 0
}
