import { createHash } from 'node:crypto'
import type { RawPeer } from './raw-peer.ts'

/** Sends pieces of a body again and again, each when the kernel has taken the one before. */
export async function pump (peer: RawPeer, piece: Buffer, total: number, progress: (sent: number) => void = () => {}): Promise<void> {
  for (let sent = 0; sent < total; sent += piece.length) {
    const done = await new Promise<boolean>(resolve => { peer.socket.write(piece, error => { resolve(error == null) }) })
    if (!done) return
    progress(sent + piece.length)
  }
}

/** The SHA-256 of what pump() sends. */
export function pumpedHash (piece: Buffer, total: number): Buffer {
  const hash = createHash('sha256')
  for (let sent = 0; sent < total; sent += piece.length) hash.update(piece)
  return hash.digest()
}

/** Waits until the number has not changed for a while. */
export async function untilStalled (number: () => number): Promise<void> {
  let last = -1
  let same = 0
  while (same < 8) {
    await new Promise(resolve => setTimeout(resolve, 25))
    same = number() === last ? same + 1 : 0
    last = number()
  }
}
