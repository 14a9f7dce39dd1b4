/**
 * Workers share their ports with SO_REUSEPORT, so the kernel would let a second Weir share them too, unnoticed. Opening
 * each listener once without sharing finds out before.
 */
import net from 'node:net'
import type { ListenerConfig } from '../config/schema.ts'

/** @throws Error naming the listener that can't be opened */
export async function probeListeners (listeners: readonly ListenerConfig[]): Promise<void> {
  for (const { name, address, port } of listeners) {
    const server = net.createServer()
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host: address, port, exclusive: true }, resolve)
      })
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`the listener "${name}" can't be opened on ${address} port ${port}: ${reason}. Is another process using the port?`, { cause })
    }
    await new Promise<void>(resolve => { server.close(() => { resolve() }) })
  }
}
