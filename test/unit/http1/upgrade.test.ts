import t from 'tap'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { ResponseHead } from '../../../src/http1/response-head.ts'
import { acceptedUpgrade } from '../../../src/http1/connection-options.ts'
import { cpuMsOf } from '../../helpers/count-work.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { WIDE_LIMITS } from '../../helpers/weir-http1-reader.ts'

const ALLOWED = new Set(['websocket', 'foo/2'])

function request (fields: string, version = '1.1'): RequestHead {
  const bytes = latin1(`GET / HTTP/${version}\r\nHost: a\r\n${fields}\r\n`)
  const head = new RequestHead(WIDE_LIMITS)
  head.reset(bytes, 0)
  if (head.parse(bytes.length) !== 1) throw new Error(`not a request: ${fields}`)
  return head
}

function response (fields: string, version = '1.1'): ResponseHead {
  const bytes = latin1(`HTTP/${version} 101 Switching Protocols\r\n${fields}\r\n`)
  const head = new ResponseHead(WIDE_LIMITS)
  if (head.parse(bytes, 0, bytes.length) !== 1) throw new Error(`not a response: ${fields}`)
  return head
}

t.test('what is offered: the allowed ones among the protocols, in order, each once, as the client spells it', async t => {
  const offered = (value: string): string =>
    request(`Connection: Upgrade\r\n${value.split('|').map(line => `Upgrade:${line}\r\n`).join('')}`).offers(ALLOWED)
  t.equal(offered('websocket'), 'websocket')
  t.equal(offered(' WebSocket\t'), 'WebSocket')
  t.equal(offered('h2c, websocket, bar'), 'websocket')
  t.equal(offered('FOO/2,websocket'), 'FOO/2, websocket')
  t.equal(offered('websocket|foo/2'), 'websocket, foo/2')
  t.equal(offered('websocket, WEBSOCKET|Websocket'), 'websocket')
  t.equal(offered(',, ,websocket,'), 'websocket')
  for (const none of ['', ',', 'h2c', 'websockets', 'websocket/1', 'foo', 'foo/', 'foo/2.0', 'web socket', 'websocket;x', '"websocket"', 'websocket\xa0', '\x85websocket', 'web\u017fsocket'.replace('\u017f', '\xff')]) t.equal(offered(none), '', none)
})

t.test('what is no offer: no Upgrade, not named by Connection, HTTP/1.0, a body, nothing allowed', async t => {
  t.equal(request('').offers(ALLOWED), '')
  t.equal(request('Connection: Upgrade\r\n').offers(ALLOWED), '')
  t.equal(request('Upgrade: websocket\r\n').offers(ALLOWED), '')
  t.equal(request('Connection: close\r\nUpgrade: websocket\r\n').offers(ALLOWED), '')
  t.equal(request('Connection: Upgrade\r\nUpgrade: websocket\r\n', '1.0').offers(ALLOWED), '')
  t.equal(request('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n').offers(ALLOWED), '')
  t.equal(request('Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n').offers(ALLOWED), '')
  t.equal(request('Connection: Upgrade\r\nUpgrade: websocket\r\n').offers(new Set()), '')
  t.equal(
    request('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n').offers(ALLOWED),
    'websocket',
    'an empty body is none'
  )
  t.equal(request('Connection: Upgrade\r\nUpgrade: websocket\r\n', '1.2').offers(ALLOWED), 'websocket')
})

t.test('a 101 is accepted with one of the protocols that were offered, in any case', async t => {
  const accepted = (fields: string, offered = 'foo/2, websocket'): string | undefined => acceptedUpgrade(response(fields), offered)
  t.equal(accepted('Connection: Upgrade\r\nUpgrade: websocket\r\n'), 'websocket')
  t.equal(accepted('upgrade: FOO/2 \r\nconnection: keep-alive, UPGRADE\r\n'), 'FOO/2')
  t.equal(accepted('Connection: Upgrade\r\nUpgrade: ,websocket,\r\n'), 'websocket')
  t.equal(accepted('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n'), 'websocket')
  for (const odd of [
    '', 'Connection: Upgrade\r\n', 'Upgrade: websocket\r\n', 'Connection: close\r\nUpgrade: websocket\r\n', 'Connection: Upgrade\r\nUpgrade:\r\n', 'Connection: Upgrade\r\nUpgrade: bar\r\n',
    'Connection: Upgrade\r\nUpgrade: foo/2, websocket\r\n', 'Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n', 'Connection: Upgrade\r\nUpgrade: foo\r\n',
    'Connection: Upgrade\r\nUpgrade: websocket\xa0\r\n', 'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n', 'Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n'
  ]) t.equal(accepted(odd), undefined, JSON.stringify(odd))
  t.equal(accepted('Connection: Upgrade\r\nUpgrade: websocket\r\n', ''), undefined, 'nothing was offered')
  t.equal(acceptedUpgrade(response('Connection: Upgrade\r\nUpgrade: websocket\r\n', '1.0'), 'websocket'), undefined)
})

t.test('long values cost linear time', async t => {
  const limits = { ...WIDE_LIMITS, maxHeadBytes: 2_000_000 }
  for (const value of [`a${' '.repeat(1_000_000)}b`, ', '.repeat(500_000), 'websocket,'.repeat(100_000)]) {
    const bytes = latin1(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${value}\r\n\r\n`)
    const head = new RequestHead(limits)
    head.reset(bytes, 0)
    t.equal(head.parse(bytes.length), 1)
    const cpuMs = cpuMsOf(() => { t.equal(head.offers(ALLOWED), value.startsWith('websocket') ? 'websocket' : '') })
    t.ok(cpuMs < 2_000, `${cpuMs} ms`)
  }
})
