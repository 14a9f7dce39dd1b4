/**
 * Finds out whether a request came too late for its connection. A peer that has closed a connection answers what still
 * comes with a reset (RFC 9293 section 3.10.7.1): so a FIN that is followed by one says that the request was not
 * received, and a FIN alone says nothing. The reset is a round trip behind, and no event tells of it.
 */
import type { ByteStream } from '../net/byte-stream.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'

/** Times between looks: 63 ms altogether, more than a round trip within a cluster takes. */
const LOOKS_MS: readonly number[] = [1, 2, 4, 8, 16, 32]

/**
 * Looks for a reset for a moment.
 * @param stream its peer has sent a FIN
 * @param onKnown gets true when there was a reset; false when there was none by now
 */
export function awaitReset (stream: ByteStream, clock: Clock, onKnown: (reset: boolean) => void): TimerHandle {
  let timer: TimerHandle
  const look = (index: number): void => {
    if (stream.isReset()) return onKnown(true)
    const delayMs = LOOKS_MS[index]
    if (delayMs === undefined) return onKnown(false)
    timer = clock.after(delayMs, () => { look(index + 1) })
  }
  timer = clock.after(0, () => { look(0) })
  return { cancel: () => { timer.cancel() } }
}
