/**
 * What a reader makes of the bytes of one message, in a form in which two readers can be compared.
 */

export type Field = readonly [name: string, value: string]

export interface MessageHead {
  /** Empty for a response. */
  readonly method: string
  readonly target: string
  /** 0 for a request. */
  readonly status: number
  readonly minor: number
  /** As sent, in order; bytes as Latin-1. */
  readonly fields: readonly Field[]
  /** Behind the empty line. */
  readonly end: number
}

export interface Reading {
  /** `complete`: one whole message. `incomplete`: more bytes are needed. `refused`: no message. */
  readonly verdict: 'complete' | 'incomplete' | 'refused'
  /** Why it was refused, in the reader's own words; else empty. */
  readonly reason: string
  /** The head, once it was accepted. A body can still be refused. */
  readonly head: MessageHead | undefined
  /** The body's bytes so far, without framing, as Latin-1. */
  readonly body: string
  readonly trailers: readonly Field[]
  /** Where the message ends; only for a complete one. */
  readonly consumed: number
}

/** Bytes from text in which each character is one byte. */
export function latin1 (text: string): Buffer {
  return Buffer.from(text, 'latin1')
}
