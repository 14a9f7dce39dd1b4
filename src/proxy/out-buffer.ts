/**
 * A request as it goes on the wire, kept so that it can be sent (again).
 */

/** Who keeps one. */
export interface OutHolder {
  out: Buffer
  outLength: number
}

/** Where a request can be written. */
export interface OutTarget extends OutHolder {
  /** Makes `out` at least so large, keeping nothing. */
  reserveOut (bytes: number): void
}

/** What a request is sent on. */
export interface RequestTarget extends OutHolder {
  /** Puts other memory in the place of `out`. */
  replaceOut (out: Buffer, outLength: number): void
  /** @returns has the kernel taken the bytes, so that their buffer is free? */
  write (bytes: Buffer): boolean
}

const FIRST_BYTES = 2_048

export class OutBuffer implements OutTarget {
  out: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  outLength = 0

  reserveOut (bytes: number): void {
    if (this.out.length < bytes) this.out = Buffer.allocUnsafeSlow(bytes)
    this.outLength = 0
  }
}
