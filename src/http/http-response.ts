/**
 * The head of a response as an exchange gets it from an endpoint, in whatever version of HTTP. It is valid during the call that brings it.
 */
export interface HttpResponse {
  readonly status: number
  /** The bytes of the body, as the head tells; -1 when it does not. */
  readonly length: number
  /** The fields that go on from end to end, without framing. */
  eachField (visit: (name: string, value: string) => void): void
}
