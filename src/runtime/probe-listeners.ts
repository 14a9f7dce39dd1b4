/**
 * Workers share their ports with SO_REUSEPORT, so the kernel would let a second Weir share them too, unnoticed. Opening
 * each listener once without sharing finds out before.
 */
import type { ListenerSpec } from '../contract/listener-spec.ts'
import { explainListenError, tryPort } from '../net/listen-error.ts'

/**
 * @param portOption what chooses the port of a listener, where that is no file
 * @throws Error naming the listener that can't be opened, and what helps
 */
export async function probeListeners (listeners: readonly ListenerSpec[], portOption?: string): Promise<void> {
  for (const [index, { name, address, port }] of listeners.entries()) {
    const cause = await tryPort({ address, port })
    if (cause === undefined) continue
    const reason = await explainListenError(cause, { address, port, option: portOption ?? `port of listeners[${index}]` })
    throw new Error(`the listener "${name}" can't be opened on ${address} port ${port}: ${reason}`, { cause })
  }
}
