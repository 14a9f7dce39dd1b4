import t from 'tap'
import { PROXY_ERROR_CODES, PROXY_ERRORS } from '../../../src/core/proxy-error.ts'
import { errorResponse } from '../../../src/proxy/error-response.ts'
import { MessageReader, valuesOf, type RawMessage } from '../../helpers/raw-http.ts'

const OPTIONS = { text: false, toHead: false, close: false, keepAlive10: false, date: 'Thu, 01 Jan 2026 00:00:00 GMT', detail: '' } as const

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
    const { status, title } = PROXY_ERRORS[code]
    const json = read(errorResponse(code, { ...OPTIONS, detail: 'what exactly' }))
    t.match(json.startLine, new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`))
    t.strictSame(JSON.parse(json.body.toString()), { type: 'about:blank', title, status, code, detail: 'what exactly' })
    t.strictSame(JSON.parse(read(errorResponse(code, OPTIONS)).body.toString()), { type: 'about:blank', title, status, code })
    t.equal(read(errorResponse(code, { ...OPTIONS, text: true })).body.toString(), `${title} (${code})\n`)
    t.equal(read(errorResponse(code, { ...OPTIONS, text: true, detail: 'what exactly' })).body.toString(), `${title}: what exactly (${code})\n`)
  })
}

t.test('the answer to a HEAD has the length of the body and no body', async t => {
  const length = String(read(errorResponse('no_route', OPTIONS)).body.length)
  const head = read(errorResponse('no_route', { ...OPTIONS, toHead: true }), 'HEAD')
  t.same(valuesOf(head, 'content-length'), [length])
})

t.test('what becomes of the connection is said', async t => {
  t.same(valuesOf(read(errorResponse('no_route', OPTIONS)), 'connection'), [])
  t.same(valuesOf(read(errorResponse('no_route', { ...OPTIONS, close: true, keepAlive10: true })), 'connection'), ['close'])
  t.same(valuesOf(read(errorResponse('no_route', { ...OPTIONS, keepAlive10: true })), 'connection'), ['keep-alive'])
})
