/**
 * A long body that both ends of a stream know: every block carries its number, so a lost, doubled or swapped block shows.
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Readable } from 'node:stream'

const BLOCK_BYTES = 65_536

/** The body of `bytes` bytes, block by block. */
export function * bodyBlocks (bytes: number): Generator<Buffer, void, void> {
  for (let offset = 0; offset < bytes; offset += BLOCK_BYTES) {
    const block = Buffer.alloc(Math.min(BLOCK_BYTES, bytes - offset), `block ${offset / BLOCK_BYTES};`)
    yield block
  }
}

export interface BodyDigest {
  readonly bytes: number
  /** SHA-256, hexadecimal. */
  readonly sha256: string
}

/** What a reader of the whole body must come to. */
export function expectedDigest (bytes: number): BodyDigest {
  const hash = createHash('sha256')
  for (const block of bodyBlocks(bytes)) hash.update(block)
  return { bytes, sha256: hash.digest('hex') }
}

/** Reads a stream to its end at no more than `bytesPerSecond`; what it does not read stays with the sender. */
export async function readSlowly (stream: Readable, bytesPerSecond: number): Promise<BodyDigest> {
  const hash = createHash('sha256')
  const begin = performance.now()
  let bytes = 0
  for await (const chunk of stream) {
    // Without an encoding, the chunks of a byte stream are buffers.
    const buffer = chunk as Buffer
    hash.update(buffer)
    bytes += buffer.length
    const early = bytes / bytesPerSecond * 1_000 - (performance.now() - begin)
    if (early > 5) await sleep(early)
  }
  return { bytes, sha256: hash.digest('hex') }
}
