import type { ProxyBench } from './data-plane.ts'
import { askAfter, echoTarget, targetOf } from './observe-request.ts'
import { get } from './raw-client.ts'
import { statusOf } from './raw-http.ts'

/** What became of some bytes that an origin answered with. */
export interface ObservedResponse {
  /** The final answers to two questions sent at once, the first of which got the bytes. */
  readonly answers: ReadonlyArray<readonly [status: number, body: string]>
  /** The client was left with a part of an answer, and knows it. */
  readonly cut: boolean
  /** What no proxy should have sent to the client or the origin. */
  readonly faults: readonly string[]
  /** What a client that came next got. */
  readonly after: string
}

export interface ResponseBytes {
  readonly bytes: string
  /** A FIN follows. */
  readonly end: boolean
  /** Each byte goes in a packet of its own. */
  readonly piecewise: boolean
}

/** Answers one request with these bytes, and any other as it should be. */
export async function observeResponse (bench: ProxyBench, { bytes, end, piecewise }: ResponseBytes): Promise<ObservedResponse> {
  const origin = await bench.origin((request, connection) => {
    if (targetOf(request) !== '/first') return echoTarget(request, connection)
    void connection.sendPieces(piecewise ? bytes : [bytes]).then(() => { if (end) connection.end() })
  })
  const client = await bench.client()
  client.expect('GET', 'GET')
  client.send(get('/first') + get('/second'))
  const finals = () => client.reader.messages.filter(message => statusOf(message) >= 200)
  await client.until('both answers, or the end', () => finals().length === 2 || client.ended || client.closed || client.fault !== undefined)
  const cut = client.reader.incomplete
  client.destroy()
  return {
    answers: finals().map(answer => [statusOf(answer), answer.body.toString('latin1')]),
    cut,
    faults: client.fault === undefined ? origin.faults : [...origin.faults, `to the client: ${client.fault.message}`],
    after: await askAfter(bench)
  }
}
