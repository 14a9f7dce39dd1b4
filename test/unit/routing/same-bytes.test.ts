/** What people write in UTF-8 and what clients send are the same bytes: in conditions, in keys, and in explanations of both. */
import t from 'tap'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { PlainRequest } from '../../../src/routing/plain-request.ts'
import type { RequestView } from '../../../src/http/http-request.ts'
import { RouteTable } from '../../../src/routing/route-table.ts'
import { compileStickyKey, StickyKey } from '../../../src/routing/sticky-key.ts'

/** A request as it comes from a client that sends UTF-8. */
function sent (name: string, value: string): RequestView {
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${name}: ${value}\r\n\r\n`, 'utf8')
  const head = new RequestHead({ maxHeadBytes: 32_768, maxHeaderFields: 128, maxUriBytes: 16_384 })
  head.reset(bytes, 0)
  t.equal(head.parse(bytes.length), 1)
  return head
}

const VALUES = ['plain', 'Zoë', 'Ã', '\u00ff', 'Köln', '日本', '😀', '\u00a0edge\u00a0', 'e\u0301']

t.test('a condition on a header meets what clients send, and explanations of it', async t => {
  for (const value of VALUES) {
    const table = new RouteTable([{ match: { headers: [{ name: 'X-City', value }] }, payload: { value } }])
    t.same(table.match(sent('x-city', value)), { value }, value)
    t.same(table.match(new PlainRequest({ headers: { 'X-City': value } })), { value }, value)
    t.equal(table.match(sent('x-city', `${value}x`)), undefined)
  }
})

t.test('the same text in another normal form, or in Latin-1, is another value', async t => {
  const table = new RouteTable([{ match: { headers: [{ name: 'X-City', value: 'é' }] }, payload: {} }])
  t.equal(table.match(sent('x-city', 'e\u0301')), undefined)
  const head = new RequestHead({ maxHeadBytes: 32_768, maxHeaderFields: 128, maxUriBytes: 16_384 })
  const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nx-city: é\r\n\r\n', 'latin1')
  head.reset(bytes, 0)
  t.equal(head.parse(bytes.length), 1)
  t.equal(table.match(head), undefined)
})

for (const [by, affinity, field] of [
  ['header', { by: 'header', header: 'X-User', level: 'version' }, (value: string) => ['X-User', value] as const],
  ['cookie', { by: 'cookie', cookie: 'sid', level: 'version' }, (value: string) => ['Cookie', `a=1; sid=${value}; _ga=ö`] as const]
] as const) {
  t.test(`a ${by} gives explanations the key that it gives live traffic`, async t => {
    const resolver = compileStickyKey(affinity, () => 0)
    const seen = new Set<number>()
    for (const value of VALUES) {
      const [name, text] = field(value)
      const live = new StickyKey()
      const explained = new StickyKey()
      resolver.resolve(sent(name, text), '192.0.2.1', live)
      resolver.resolve(new PlainRequest({ headers: { [name]: text } }), '192.0.2.1', explained)
      t.same([live.kind, live.hash], [by, explained.hash], value)
      seen.add(live.hash)
    }
    t.equal(seen.size, VALUES.length)
  })
}
