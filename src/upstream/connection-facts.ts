/**
 * What is known of a connection to an endpoint, and what it keeps: the request that it sends, and the account of all its memory. Hot.
 */
import { ByteAccount } from '../net/byte-account.ts'
import type { ByteBudget } from '../net/byte-budget.ts'
import type { RequestStore } from '../http1/request-writer.ts'
import { LOGIN } from './login.ts'

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
