import type { RawPeer } from './raw-peer.ts'

/** Reads a little at a time, so that the buffers on the way stay full, until the condition holds; then no more. */
export async function readSlowlyUntil (peer: RawPeer, condition: () => boolean): Promise<void> {
  peer.socket.pause()
  while (!condition() && !peer.closed) {
    const read = new Promise(resolve => peer.socket.once('data', resolve))
    peer.socket.resume()
    await Promise.race([read, new Promise(resolve => setTimeout(resolve, 20))])
    peer.socket.pause()
    await new Promise(resolve => setImmediate(resolve))
  }
}
