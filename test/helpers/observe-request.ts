import type { ProxyBench } from './data-plane.ts'
import { get } from './raw-client.ts'
import { statusOf, valuesOf, type RawMessage } from './raw-http.ts'
import { ok, type OriginHandler, type RawOrigin } from './raw-origin.ts'

/** What was seen of some bytes that a client sent, on both sides. */
export interface ObservedRequest {
  /** The final answers, in order. */
  readonly statuses: readonly number[]
  /** Does the last answer say that the connection ends with it? */
  readonly saysClose: boolean
  /** The requests that were complete at the origin. */
  readonly requests: readonly RawMessage[]
  /** What no proxy should have sent: to the origin, or to the client. */
  readonly faults: readonly string[]
  /** What a client that came next got: its own question back. */
  readonly after: string
}

const AFTER = '/after-everything'

/** The target of a request. */
export function targetOf (request: RawMessage): string {
  return request.startLine.split(' ')[1] ?? ''
}

/** Answers with the target of the request, so that every answer says which question it belongs to. */
export const echoTarget: OriginHandler = (request, connection) => {
  connection.send(ok(request.startLine.startsWith('HEAD ') ? '' : targetOf(request)))
}

/**
 * Sends bytes, a FIN behind them, and waits until everything that they lead to has happened. A FIN makes what is incomplete
 * stay incomplete, and nothing needs to be waited for that may never come.
 * @param piecewise send each byte in a packet of its own
 */
export async function observeRequest (bench: ProxyBench, bytes: string, piecewise: boolean): Promise<ObservedRequest> {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  client.expect(bytes.trimStart().split(' ')[0] ?? '', ...Array.from({ length: 8 }, () => 'GET'))
  await client.sendPieces(piecewise ? bytes : [bytes])
  client.end()
  await client.untilEnded()
  const answers = client.reader.messages.filter(message => statusOf(message) >= 200)
  const last = answers.at(-1)
  return {
    statuses: answers.map(statusOf),
    saysClose: last !== undefined && valuesOf(last, 'connection').includes('close'),
    after: await askAfter(bench),
    requests: origin.requests.filter(request => targetOf(request) !== AFTER),
    faults: faultsOf(origin, client.fault)
  }
}

/** Another client asks: the connections to the origin are of use and in step, and what was sent before has been read there. */
export async function askAfter (bench: ProxyBench): Promise<string> {
  const client = await bench.client()
  const answer = await client.ask(get(AFTER))
  client.destroy()
  return answer.body.toString('latin1') === AFTER ? 'its own answer' : `${answer.startLine} ${answer.body.toString('latin1')}`
}

function faultsOf (origin: RawOrigin, clientFault: Error | undefined): readonly string[] {
  return clientFault === undefined ? origin.faults : [...origin.faults, `to the client: ${clientFault.message}`]
}
