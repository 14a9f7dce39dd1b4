/**
 * What is known of a connection to an endpoint, and what it keeps: the request that it sends, and the account of all its memory. Hot.
 */
import { ByteAccount, type ByteBudget } from '../net/byte-budget.ts'
import type { RequestStore } from '../http1/request-writer.ts'
import { LOGIN } from './upstream-call.ts'
import type { ByteStream } from '../net/byte-stream.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'

const FIRST_OUT_BYTES = 2_048
/** An idle connection does not keep the memory of a large request. */
export const MAX_KEPT_OUT_BYTES = 16_384

/** What the objects of a connection take, and those of the client that it serves: measured with slow requests (`npm run bench:memory`). */
const OBJECT_BYTES = 6_144

export abstract class ConnectionFacts implements RequestStore {
  connecting = true
  reused = false
  /** The request being sent: its head and what came with it. Kept until the response has begun, so that it can be sent again. */
  out: Buffer = Buffer.allocUnsafeSlow(FIRST_OUT_BYTES)
  outLength = 0
  headLength = 0
  chunked = false
  sent = false
  sawBytes = false
  whole = true
  ended = false
  connectMs = -1
  login: number = LOGIN.none
  /** The latest answer allows another request. */
  keep = true
  readonly account: ByteAccount

  constructor (budget: ByteBudget) {
    this.account = new ByteAccount(budget)
  }

  get memoryBytes (): number { return this.account.bytes }

  /** What is kept besides the request, in bytes. */
  protected abstract get otherBytes (): number

  /** Makes `out` at least so large, keeping nothing. */
  reserveOut (bytes: number): void {
    if (this.out.length < bytes) this.replaceOut(Buffer.allocUnsafeSlow(Math.max(bytes, this.out.length * 2)), 0)
    this.outLength = 0
  }

  /** Puts other memory in the place of `out`. */
  replaceOut (out: Buffer, outLength: number): void {
    this.out = out
    this.outLength = outLength
    this.recharge()
  }

  /** Forgets a large request. */
  protected dropOut (): void {
    this.replaceOut(Buffer.allocUnsafeSlow(FIRST_OUT_BYTES), 0)
  }

  /** Says anew what the connection keeps. To be called when that has changed, which is never so for a small request and response. */
  protected recharge (): void {
    this.account.set(OBJECT_BYTES + this.out.length + this.otherBytes)
  }
}

/**
 * Finds out whether a request came too late for its connection. A peer that has closed a connection answers what still
 * comes with a reset (RFC 9293 section 3.10.7.1): so a FIN that is followed by one says that the request was not
 * received, and a FIN alone says nothing. The reset is a round trip behind, and no event tells of it.
 */

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
