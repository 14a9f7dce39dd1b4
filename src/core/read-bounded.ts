/**
 * Reads a stream to its end.
 * @returns undefined when it has more than `maxBytes`
 */
export async function readBounded (stream: AsyncIterable<unknown>, maxBytes: number): Promise<Buffer | undefined> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of stream) {
    // A stream without an encoding gives bytes.
    if (!(piece instanceof Uint8Array)) continue
    bytes += piece.length
    if (bytes > maxBytes) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
