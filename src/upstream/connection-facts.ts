/**
 * What is known of a connection to an endpoint, and what it keeps: the request that it sends, and the account of all its memory. Hot.
 */
import { ByteAccount } from '../core/byte-account.ts'
import type { ByteBudget } from '../core/byte-budget.ts'
import { LOGIN } from './login.ts'

const FIRST_OUT_BYTES = 2_048
/** An idle connection does not keep the memory of a large request. */
export const MAX_KEPT_OUT_BYTES = 16_384

/** What the objects of a connection take, and those of the client that it serves: measured with slow requests (`npm run bench:memory`). */
const OBJECT_BYTES = 6_144

export abstract class ConnectionFacts {
  /** Requests answered so far: more than 0 means that the connection is a kept-alive one. */
  served = 0
  /** The request being sent: its head and what came with it. Kept until the response has begun, so that it can be sent again. */
  out: Buffer = Buffer.allocUnsafeSlow(FIRST_OUT_BYTES)
  outLength = 0
  /** Something of the current request has been handed to the system. */
  sent = false
  /** The endpoint has sent a FIN. */
  ended = false
  /** When the connection was opened, and how long that took; -1 until it is open. */
  connectMs = -1
  /** Whether somebody may be logged in on the connection: one of LOGIN. */
  login: number = LOGIN.none
  /** The latest answer allows another request. */
  keep = true
  readonly account: ByteAccount

  constructor (budget: ByteBudget) {
    this.account = new ByteAccount(budget)
  }

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
