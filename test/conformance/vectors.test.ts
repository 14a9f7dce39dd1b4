/**
 * 100 requests that published smuggling research is made of, as data: what each must lead to when a running data plane gets
 * it, seen from the client and from an origin that records every byte.
 */
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { ProxyBench } from '../helpers/data-plane.ts'
import { statusOf } from '../helpers/raw-http.ts'
import { ok } from '../helpers/raw-origin.ts'

interface Vector {
  readonly id: string
  readonly what: string
  readonly bytes_latin1: string
  /** `reject`: a 4xx, 501 or 505, or a close, and nothing whole at the origin. `normalise`: one clean request. */
  readonly must: 'reject' | 'never reach upstream' | 'reject or normalise' | 'forward'
  /** The answer has to be a 400. */
  readonly status400: boolean
  /** The connection has to be closed after the answer. */
  readonly close_after: boolean
}

// The file is part of the tests, and its shape with it.
const vectors: readonly Vector[] = JSON.parse(readFileSync(new URL('../fixtures/http1-vectors.json', import.meta.url), 'utf8'))

/** The lengths in the file count on hosts of 20 characters; as they are, some bodies stay incomplete, which is a case too. */
const HOSTS = ['example.test', 'smuggle.example.test']

interface Seen {
  readonly statuses: readonly number[]
  readonly closed: boolean
  readonly requests: readonly string[]
  readonly bodies: readonly string[]
  readonly hidden: boolean
  readonly faults: readonly string[]
}

async function play (bench: ProxyBench, vector: Vector, host: string): Promise<Seen> {
  const origin = await bench.origin((request, connection) => { connection.send(ok(request.startLine.startsWith('HEAD') ? '' : 'ok')) })
  const client = await bench.client()
  const method = vector.bytes_latin1.split(' ')[0] ?? ''
  client.expect(method === 'HEAD' ? 'HEAD' : 'GET', 'GET', 'GET', 'GET')
  client.send(vector.bytes_latin1.replaceAll('example.test', host))
  const quiet = async (): Promise<void> => {
    for (let bytes = -1; bytes !== client.bytesReceived && !client.ended && !client.closed;) {
      bytes = client.bytesReceived
      await bench.settle()
    }
  }
  await quiet()
  const closed = client.ended || client.closed
  // Something was incomplete: now it stays so.
  if (client.reader.messages.length === 0 && !closed) {
    client.end()
    await client.untilEnded()
  }
  return {
    statuses: client.reader.messages.map(statusOf).filter(status => status >= 200),
    closed: client.ended || client.closed,
    requests: origin.requests.map(({ startLine }) => startLine),
    bodies: origin.requests.map(({ body }) => body.toString('latin1')),
    hidden: origin.requests.some(({ startLine }) => startLine.includes('/hidden')),
    faults: origin.faults
  }
}

function judge (t: Test, vector: Vector, seen: Seen): void {
  t.same(seen.faults, [], 'what reaches the origin is framed beyond doubt')
  const [status] = seen.statuses
  const refused = seen.requests.length === 0 && (status === undefined ? seen.closed : status >= 400)
  if (vector.must === 'reject' || vector.must === 'never reach upstream') t.ok(refused, `refused: ${JSON.stringify(seen)}`)
  else if (vector.must === 'reject or normalise') t.ok(refused || (seen.requests.length === 1 && status === 200), `refused, or one clean request: ${JSON.stringify(seen)}`)
  else t.ok(status === 200 && seen.requests.length >= 1, `forwarded: ${JSON.stringify(seen)}`)
  if (vector.must !== 'forward') t.equal(seen.hidden, false, 'the hidden request is not run')
  if (vector.status400) t.equal(status, 400)
  if (vector.close_after && seen.requests.length === 0) t.equal(seen.closed, true, 'nothing behind it is looked at')
}

t.test('100 vectors', { jobs: 8 }, async t => {
  t.equal(vectors.length, 100)
  for (const host of HOSTS) {
    for (const vector of vectors) {
      t.test(`${vector.id} (${host}): ${vector.what} → ${vector.must}`, async t => {
        const bench = await ProxyBench.start()
        try {
          judge(t, vector, await play(bench, vector, host))
        } finally {
          await bench.close(t)
        }
      })
    }
  }
})
