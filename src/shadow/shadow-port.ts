/**
 * What an exchange tells of a request that is copied. Nothing here answers it: copies can't delay or change the real answer. Each call
 * returns when what is lent to it has been looked at.
 */
import type { FieldEdits } from '../http/field-edits.ts'
import type { BodyPiece, HttpRequest, KeptRequest } from '../http/http-request.ts'
import type { HttpResponse } from '../http/http-response.ts'

/** One of the two answers to a request that was copied. */
interface CopiedAnswer {
  readonly status: number
  readonly firstByteMs: number
}

/** What has come of a copy. */
export interface CopyOutcome {
  readonly requestNumber: number
  /** The version that has answered the real request. */
  readonly realVersion: string
  readonly copyVersion: string
  /** `address:port` that has got the copy. */
  readonly endpoint: string
  readonly real: CopiedAnswer
  /** Null when it was not answered. */
  readonly copy: CopiedAnswer | null
  /** Something that is compared is not the same. */
  readonly different: boolean
}

/** Who judges a version by its copies too. */
export interface CopyWatch {
  addCopy (outcome: CopyOutcome): void
}

/** What is asked of a request: its facts. They are of this request during the call only. */
export interface MirroredRequest {
  readonly requestNumber: number
  /** Empty when it is Weir's own, by `requestNumber`. */
  readonly requestId: string
  readonly keyHash: number
  readonly startMs: number
  readonly attempts: number
  readonly reused: boolean
  /** What opening the connection of the last attempt took; -1 when it took nothing. */
  readonly connectMs: number
  readonly version: { readonly name: string } | null
  readonly route: { readonly watch: CopyWatch | null } | null
}

/** A request that may be copied. */
export interface ShadowTap {
  /** Of the version that gets the copy. */
  readonly edits: FieldEdits | null
  /** Another piece of its body. */
  requestBody (piece: BodyPiece): void
  /**
   * The head of the answer, before it is passed on.
   * @param kept the request as it would be sent to the version that gets the copy
   */
  answerHead (head: HttpResponse, kept: KeptRequest, request: MirroredRequest): void
  /** A piece of the answer, once it has been passed on. */
  answerBody (buf: Buffer, start: number, end: number): void
  /** The last piece. */
  answerEnd (buf: Buffer, start: number, end: number): void
  /** The request is over, whatever has come of it. Nothing follows. */
  over (): void
}

/** The mirror of a route. */
export interface Mirror {
  /**
   * A request has a version and is about to be sent.
   * @param piece what has come of its body
   * @returns null when it is not copied
   */
  tap (request: HttpRequest, facts: MirroredRequest, piece: BodyPiece): ShadowTap | null
}
