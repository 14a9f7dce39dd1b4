/** A question about a request that nobody could answer; the message says why, for people. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
  /** `workers_silent`: no worker has said anything in time. `unknown_request`: none remembers the request. */
  readonly code: 'workers_silent' | 'unknown_request'

  constructor (code: Unanswered['code'], detail: string) {
    super(detail)
    this.code = code
  }
}
