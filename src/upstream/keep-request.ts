import type { BodyPiece, HttpRequest, RequestEdits } from '../http/http-request.ts'
import { writeRequest } from '../http1/request-writer.ts'
import type { KeptRequest, RequestStore } from '../http1/request-writer.ts'

const FIRST_BYTES = 2_048

/** Keeps a request for which there is no call yet, and what has come of its body. */
export function keepRequest (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): KeptRequest {
  const store = new OutBuffer()
  writeRequest(store, request, edits, piece)
  return store
}

class OutBuffer implements RequestStore {
  out: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  outLength = 0
  headLength = 0
  chunked = false

  reserveOut (bytes: number): void {
    if (this.out.length < bytes) this.out = Buffer.allocUnsafeSlow(bytes)
    this.outLength = 0
  }
}
