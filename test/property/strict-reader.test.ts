/**
 * The strict reader of the fuzzing: it has to be right, and stricter than anything that could be forwarded by mistake.
 */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { anyRequestBytes, anyResponseBytes, validOldRequest, validRequest } from '../helpers/http1-grammar.ts'
import { latin1 } from '../helpers/http1-message.ts'
import { readWithNode } from '../helpers/node-http-parser.ts'
import { readStrictRequest, readStrictRequests, readStrictResponse } from '../helpers/strict-reader.ts'
import type { StrictReading } from '../helpers/strict-reader.ts'

interface Vector {
  readonly id: string
  readonly bytes_latin1: string
  readonly must: 'reject' | 'never reach upstream' | 'reject or normalise' | 'forward'
}

// The file is part of the tests, and its shape with it.
const vectors: readonly Vector[] = JSON.parse(readFileSync(new URL('../fixtures/http1-vectors.json', import.meta.url), 'utf8'))

/** The lengths in the file count on hosts of so many characters. */
const HOST = 'smuggle.example.test'
/** The same inputs in each run. */
const SEED = 20_250_703

t.test('takes no request that has to be rejected, and sees no hidden one', async t => {
  for (const { id, bytes_latin1: text, must } of vectors) {
    const readings = readStrictRequests(latin1(text.replaceAll('example.test', HOST)))
    const complete = readings.filter(({ state }) => state === 'complete')
    if (must === 'reject') t.notOk(complete.some(({ message }) => message?.target.endsWith(`/${id}`)), `${id} is not taken`)
    if (must === 'forward') t.equal(complete.length > 0, true, `${id} is taken`)
    t.notOk(complete.some(({ message }) => message?.target.endsWith('/hidden') === true && must !== 'forward'), `nothing is hidden in ${id}`)
  }
})

t.test('reads a valid request, whole and as it is', async t => {
  fc.assert(fc.property(fc.oneof(validRequest, validOldRequest), bytes => {
    const strict = readStrictRequest(bytes)
    const node = readWithNode(bytes)
    t.equal(strict.state, 'complete')
    if (node.verdict === 'complete') assertSame(strict, node)
  }), { seed: SEED, numRuns: 1_000 })
})

/** Where both take a message they have to take the same one. */
function assertSame (strict: StrictReading, node: ReturnType<typeof readWithNode>): void {
  const { message, end } = strict
  const left = JSON.stringify([message?.method, message?.fields, message?.body.toString('latin1'), end])
  const right = JSON.stringify([node.head?.method, node.head?.fields, node.body, node.consumed])
  if (left !== right) throw new Error(`${left} is not ${right}`)
}

t.test('takes no bytes for another request than Node does', async t => {
  let both = 0
  fc.assert(fc.property(anyRequestBytes, bytes => {
    const strict = readStrictRequest(bytes)
    const node = readWithNode(bytes)
    if (strict.state !== 'complete' || node.verdict !== 'complete') return
    both++
    assertSame(strict, node)
  }), { seed: SEED, numRuns: 6_000 })
  t.ok(both > 1_000, `${both} were messages for both`)
})

t.test('takes no bytes for another response than Node does', async t => {
  let both = 0
  fc.assert(fc.property(anyResponseBytes, bytes => {
    const strict = readStrictResponse(bytes, 0, 'GET', false)
    const node = readWithNode(bytes, { response: true, toHead: false })
    if (strict.state !== 'complete' || node.verdict !== 'complete') return
    both++
    assertSame(strict, { ...node, head: node.head === undefined ? undefined : { ...node.head, method: '' } })
  }), { seed: SEED, numRuns: 4_000 })
  t.ok(both > 300, `${both} were messages for both`)
})

t.test('tells what could become a message from what could not', async t => {
  const states = (text: string): string => readStrictRequest(latin1(text)).state
  t.equal(states('GET / HTTP/1.1\r\nHost: a\r\n'), 'incomplete')
  t.equal(states('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na'), 'incomplete')
  t.equal(states('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r'), 'incomplete')
  t.equal(states('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naX'), 'invalid')
  t.equal(states('GET / HTTP/1.1\r\n\r\n'), 'invalid')
  t.equal(readStrictResponse(latin1('HTTP/1.1 200 OK\r\n\r\nab'), 0, 'GET', false).state, 'incomplete')
  t.equal(readStrictResponse(latin1('HTTP/1.1 200 OK\r\n\r\nab'), 0, 'GET', true).state, 'complete')
  t.equal(readStrictResponse(latin1('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n'), 0, 'HEAD', false).state, 'complete')
})

t.test('sees nothing behind a request that ends the connection', async t => {
  const get = 'GET / HTTP/1.1\r\nHost: a\r\n'
  t.equal(readStrictRequests(latin1(`${get}\r\n${get}\r\n`)).length, 2)
  t.equal(readStrictRequests(latin1(`${get}Connection: x, Close\r\n\r\n${get}\r\n`)).length, 1)
  t.equal(readStrictRequests(latin1(`GET / HTTP/1.0\r\n\r\n${get}\r\n`)).length, 1)
  t.equal(readStrictRequests(latin1(`GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${get}\r\n`)).length, 2)
})
