import t from 'tap'
import { PROXY_ERROR_CODES, PROXY_ERRORS } from '../../../src/core/proxy-error.ts'
import { HttpDate, ResponseFields } from '../../../src/http/http-response.ts'
import { failureAnswer } from '../../../src/http/own-answer.ts'
import { RequestIds } from '../../../src/http/request-ids.ts'
import { ResponseWriter } from '../../../src/http1/response-writer.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { MessageReader, valuesOf, type RawMessage } from '../../helpers/raw-http.ts'
import type { ProxyErrorCode } from '../../../src/core/proxy-error.ts'

const NO_FIELDS = new ResponseFields({ requestId: false, version: false }, new RequestIds())

/** The answer as a client of HTTP/1 gets it. */
function answer (code: ProxyErrorCode, { text = false, toHead = false, keep = true, minor = 1, fault = '' } = {}): Buffer {
  const writer = new ResponseWriter({ write: () => true }, new HttpDate(new FakeClock()))
  writer.reset(minor, toHead)
  return writer.answerBytes(failureAnswer(code, fault, { accept: text ? 'text/plain' : undefined, toHead }), NO_FIELDS, keep)
}

function read (bytes: Buffer, method = 'GET'): RawMessage {
  const reader = new MessageReader('response')
  reader.expect(method)
  reader.push(bytes)
  const [message] = reader.messages
  if (message === undefined || reader.incomplete) throw new Error(`not one message: ${bytes.toString()}`)
  return message
}

for (const code of PROXY_ERROR_CODES) {
  t.test(`${code} as problem+json and as text`, async t => {
    const { status, title, source } = PROXY_ERRORS[code]
    const json = read(answer(code, { fault: 'what exactly' }))
    t.match(json.startLine, new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`))
    const told = source === 'downstream'
    t.strictSame(JSON.parse(json.body.toString()), {
      type: 'about:blank', title, status, code, ...(told ? { detail: 'what exactly' } : {})
    })
    t.strictSame(JSON.parse(read(answer(code)).body.toString()), { type: 'about:blank', title, status, code })
    t.equal(read(answer(code, { text: true })).body.toString(), `${title} (${code})\n`)
    t.equal(
      read(answer(code, { text: true, fault: 'what exactly' })).body.toString(),
      told ? `${title}: what exactly (${code})\n` : `${title} (${code})\n`
    )
  })
}

t.test('the answer to a HEAD has the length of the body and no body', async t => {
  const length = String(read(answer('no_route')).body.length)
  const head = read(answer('no_route', { toHead: true }), 'HEAD')
  t.same(valuesOf(head, 'content-length'), [length])
})

t.test('what becomes of the connection is said', async t => {
  t.same(valuesOf(read(answer('no_route')), 'connection'), [])
  t.same(valuesOf(read(answer('no_route', { keep: false, minor: 0 })), 'connection'), ['close'])
  t.same(valuesOf(read(answer('no_route', { minor: 0 })), 'connection'), ['keep-alive'])
})
