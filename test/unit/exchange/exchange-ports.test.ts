/** The exchange between two ports that are no HTTP/1 and no sockets: what it does for any version of HTTP. */
import t, { type Test } from 'tap'
import { SLOT } from '../../../src/telemetry/counter-layout.ts'
import type { BodyPiece } from '../../../src/http/http-request.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { MemoryContext } from '../../helpers/memory-context.ts'
import { memoryPiece, MemoryPeers, MemoryRequest, type MemoryCall, type MemoryDownstream } from '../../helpers/memory-peers.ts'
import { NO_EJECTION, retries } from '../../helpers/two-endpoints.ts'

const GET = new MemoryRequest('GET', '/a')
const POST = new MemoryRequest('POST', '/')
const NOTHING = memoryPiece('', true)
const NO_RETRIES = { attempts: 1, on: [], perTryTimeout: '0s', idempotentOnly: true, bufferBytes: 0, budget: { share: 0, minimum: 0 } }

/** A request whose connection to an endpoint is open. */
function sent (request: MemoryRequest, piece: BodyPiece, peers = new MemoryPeers()) {
  const { stream } = peers
  stream.exchange.begin(request, piece)
  const call = peers.call(peers.calls.length - 1)
  call.open()
  return { peers, stream, call }
}

function pair (peers: MemoryPeers): readonly [MemoryDownstream, MemoryDownstream] {
  const [first, second] = peers.streams(2)
  if (first === undefined || second === undefined) throw new Error('there are not two')
  return [first, second]
}

/** What the endpoint was sent, as far as it is kept. */
function keptText ({ kept: { out, outLength } }: MemoryCall): string { return out.toString('latin1', 0, outLength) }

function isOver (t: Test, peers: MemoryPeers): void {
  t.same(peers.left(), { inFlight: 0, deadlines: 0, buffered: 0 }, 'nothing is left')
  t.equal(peers.counters[SLOT.inFlight], 0, 'nor in flight for the version')
}

t.test('a request goes to an endpoint when that is ready, and its answer to the client', async t => {
  const peers = new MemoryPeers()
  const { stream } = peers
  stream.exchange.begin(GET, NOTHING)
  const call = peers.call(0)
  t.same(call.log, ['begin GET /a .'], 'not before the connection is open')
  call.open()
  call.head(200, { 'content-length': '5', x: 'y' })
  call.piece('hel')
  call.last('lo')
  t.same(call.log, ['begin GET /a .', 'send', 'release'])
  t.same(stream.log, ['head 200 x=y', 'body hel', 'end lo', 'ended'])
  t.match(stream.exchange.facts, {
    status: 200, bytesOut: 5, attempts: 1, protocol: 'HTTP/memory', clientIp: '192.0.2.9', connectMs: 1, error: null
  })
  isOver(t, peers)
})

t.test('two requests of one client connection are in flight at the same time, and each keeps what is its own', async t => {
  const peers = new MemoryPeers(NO_EJECTION)
  const [first, second] = pair(peers)
  first.exchange.begin(new MemoryRequest('POST', '/first'), memoryPiece('one', false))
  second.exchange.begin(new MemoryRequest('GET', '/second'), NOTHING)
  const [one, two] = [peers.call(0), peers.call(1)]
  t.equal(peers.context.inFlight, 2)
  one.open()
  two.open()
  two.head(200)
  first.exchange.requestBody(memoryPiece('more', true))
  two.last('second')
  t.equal(peers.context.inFlight, 1)
  t.same(second.log, ['head 200', 'end second', 'ended'])
  // The deadline of the one that is over does not end the other one, and its own does.
  peers.advance(29_000)
  t.equal(first.exchange.active, true)
  one.answer(201, 'first')
  t.same(first.log, ['head 201', 'end first', 'ended'])
  t.same(one.log, ['begin POST /first one', 'send', 'body more.', 'release'])
  t.not(first.exchange.facts.requestNumber, second.exchange.facts.requestNumber)
  t.same([first.exchange.facts.bytesIn, second.exchange.facts.bytesIn], [7, 0])
  isOver(t, peers)
})

t.test('one of two requests that fails takes the other one nowhere', async t => {
  const peers = new MemoryPeers({ ...NO_EJECTION, retries: NO_RETRIES })
  const [first, second] = pair(peers)
  for (const { exchange } of [first, second]) exchange.begin(GET, NOTHING)
  for (const call of peers.calls) call.open()
  peers.call(0).fail('upstream_reset')
  t.same(first.log, ['answer 502', 'ended'])
  peers.advance(30_000)
  t.same(second.log, ['answer 504', 'ended'], 'it has a deadline of its own')
  isOver(t, peers)
})

t.test('trailers go both ways', async t => {
  const { peers, stream, call } = sent(POST, memoryPiece('', false))
  stream.exchange.requestBody(memoryPiece('data', true, 'X-Sum: 1\r\n'))
  call.head(200)
  call.last('answer', 'X-Took: 2\r\nX-More: 3\r\n')
  t.same(call.log, ['begin POST /', 'send', 'body data. X-Sum=1', 'release'])
  t.same(stream.log, ['head 200', 'end answer X-Took=2 X-More=3', 'ended'])
  isOver(t, peers)
})

t.test('an answer before the end of the request is passed on, and neither side is used again', async t => {
  const { peers, stream, call } = sent(POST, memoryPiece('some', false))
  call.answer(403, 'no')
  t.same(call.log, ['begin POST / some', 'send', 'release, not whole'])
  t.same(stream.log, ['head 403', 'end no', 'ended, last'])
  stream.exchange.requestBody(memoryPiece('late', true))
  t.equal(stream.log.length, 3, 'what still comes is nobody\'s')
  isOver(t, peers)
})

t.test('whoever takes no more holds up the other side, and only that', async t => {
  const peers = new MemoryPeers()
  const { stream } = peers
  stream.exchange.begin(POST, memoryPiece('a', false))
  t.equal(stream.paused, true, 'while the connection is being opened')
  const call = peers.call(0)
  call.open()
  t.equal(stream.paused, false)
  call.taking = false
  stream.exchange.requestBody(memoryPiece('b', false))
  t.equal(stream.paused, true)
  call.drain()
  t.equal(stream.paused, false)
  stream.exchange.requestBody(memoryPiece('c', true))
  stream.taking = false
  call.head(200)
  call.piece('x')
  t.equal(call.log.at(-1), 'pause')
  stream.drain()
  t.equal(call.log.at(-1), 'resume')
  stream.taking = false
  call.last('y')
  t.equal(stream.owed, 100, 'what the last piece lies in is left to the client\'s connection')
  t.same(stream.log.at(-1), 'ended')
  isOver(t, peers)
})

t.test('an attempt that has failed is repeated at the other endpoint, from what was kept', async t => {
  const { peers, stream, call } = sent(new MemoryRequest('PUT', '/'), memoryPiece('all', true), new MemoryPeers(retries()))
  const before = keptText(call)
  t.match(before, /^PUT \/ [^]*all/)
  call.fail('upstream_reset')
  t.equal(peers.calls.length, 2)
  t.not(peers.call(1).key, call.key)
  t.equal(keptText(peers.call(1)), before)
  peers.call(1).open()
  peers.call(1).answer(200, 'yes')
  t.same(peers.call(1).log, ['repeat', 'send', 'release'])
  t.same(stream.log, ['head 200', 'end yes', 'ended'])
  t.match(stream.exchange.facts, { attempts: 2, retried: 'reset', status: 200 })
  isOver(t, peers)
})

t.test('when the client has been told something, or has its answer\'s beginning, nothing is repeated', async t => {
  const peers = new MemoryPeers(retries())
  const told = sent(GET, NOTHING, peers)
  told.call.interim(103)
  told.call.fail('upstream_reset')
  t.same(told.stream.log, ['interim 103', 'answer 502', 'ended'])
  const cut = sent(GET, NOTHING, peers)
  cut.call.head(200)
  cut.call.piece('half')
  cut.call.fail('upstream_truncated')
  t.same(cut.stream.log, ['head 200', 'body half', 'abort upstream_truncated', 'ended, last'])
  t.equal(peers.calls.length, 2)
  isOver(t, peers)
})

t.test('a head alone has not begun the answer: the attempt that fails behind it is repeated', async t => {
  const { peers, stream, call } = sent(GET, NOTHING, new MemoryPeers(retries()))
  call.head(200)
  call.fail('upstream_reset')
  peers.call(1).open()
  peers.call(1).answer(200, 'whole')
  t.same(stream.log, ['head 200', 'head 200', 'end whole', 'ended'])
  isOver(t, peers)
})

t.test('a switch makes a tunnel, whose bytes, ends and back-pressure go through the same ports', async t => {
  const peers = new MemoryPeers()
  const { stream } = peers
  stream.exchange.begin(new MemoryRequest('GET', '/', { upgrade: 'websocket' }), NOTHING)
  const call = peers.call(0)
  t.equal(call.terms?.offered, 'websocket')
  call.open()
  call.switchTo('websocket')
  t.equal(peers.context.inFlight, 0, 'a tunnel is no request in flight')
  t.equal(stream.tunnel?.onClientBytes(Buffer.from('ping')), true)
  call.tunnelEvents?.onTunnelBytes(Buffer.from('xpongx'), 1, 5)
  stream.taking = false
  call.tunnelEvents?.onTunnelBytes(Buffer.from('more'), 0, 4)
  t.equal(call.log.at(-1), 'pause')
  stream.drain()
  t.equal(call.log.at(-1), 'resume')
  stream.tunnel?.onClientEnd()
  call.tunnelEvents?.onTunnelEnd()
  t.same(call.log, ['begin GET / .', 'send', 'tunnel ping', 'pause', 'resume', 'tunnel end', 'finish'])
  t.same(stream.log, ['switch 101 websocket', 'tunnel pong', 'tunnel more', 'tunnel end', 'ended, last'])
  t.match(stream.exchange.facts, { bytesIn: 4, bytesOut: 8, status: 101 })
  isOver(t, peers)
})

/** An exchange step by step; each step leaves it under way. */
const STEPS: ReadonlyArray<readonly [what: string, step: (peers: MemoryPeers, stream: MemoryDownstream) => void]> = [
  ['before the connection is open', (_peers, stream) => { stream.exchange.begin(POST, memoryPiece('a', false)) }],
  ['when the head is sent', peers => { peers.call(0).open() }],
  ['while the endpoint takes no more', (peers, stream) => {
    peers.call(0).taking = false
    stream.exchange.requestBody(memoryPiece('b', false))
  }],
  ['when it takes more', peers => { peers.call(0).drain() }],
  ['behind an interim answer', peers => { peers.call(0).interim(103) }],
  ['when the request is whole', (_peers, stream) => { stream.exchange.requestBody(memoryPiece('c', true)) }],
  ['in the answer', peers => {
    peers.call(0).head(200)
    peers.call(0).piece('x')
  }],
  ['while the client takes no more', (peers, stream) => {
    stream.taking = false
    peers.call(0).piece('y')
  }],
  ['when it takes more again', (_peers, stream) => { stream.drain() }]
]

const ENDINGS = {
  'the client leaves': (_peers: MemoryPeers, stream: MemoryDownstream) => { stream.exchange.downstreamGone() },
  'the endpoint fails': (peers: MemoryPeers) => { peers.call(0).fail('upstream_reset') },
  'Weir gives up': (_peers: MemoryPeers, stream: MemoryDownstream) => { stream.exchange.giveUp('shutting_down', '') },
  'the time is over': (peers: MemoryPeers) => { for (let round = 0; round < 4; round++) peers.advance(60_000) }
}

for (const [who, end] of Object.entries(ENDINGS)) {
  for (const [index, [when]] of STEPS.entries()) {
    t.test(`${who} ${when}: the exchange is over once, and nothing is left`, async t => {
      const peers = new MemoryPeers({ retries: NO_RETRIES })
      const { stream } = peers
      for (const [, step] of STEPS.slice(0, index + 1)) step(peers, stream)
      const before = stream.log.length
      end(peers, stream)
      const told = stream.log.slice(before)
      t.equal(told.filter(what => what.startsWith('ended')).length, 1, `${told.join(', ')}: it ends`)
      t.equal(stream.exchange.active, false)
      t.not(stream.exchange.facts.error, null)
      const seen = told.filter(what => /^(answer|abort) /.test(what))
      const hasBody = stream.log.slice(0, before).some(what => what.startsWith('body '))
      t.equal(seen.length, who === 'the client leaves' ? 0 : 1, 'a client that is there is told once')
      for (const what of seen) {
        if (hasBody) t.match(what, /^abort /, 'a body that has begun is cut short')
        else t.match(what, /^answer (408|50[234])$/, 'before that there is an answer')
      }
      if (who !== 'the endpoint fails') t.ok(peers.call(0).log.includes('cancel'), 'the endpoint is let go')
      // What comes late is nobody's.
      peers.call(0).last('late')
      stream.exchange.requestBody(memoryPiece('late', true))
      stream.exchange.downstreamGone()
      t.equal(stream.log.length, before + told.length)
      isOver(t, peers)
    })
  }
}

t.test('a request for which there is no endpoint waits, and goes when there is one or fails in time', async t => {
  const peers = new MemoryPeers({ whenEmpty: 'hold' }, 0)
  const { stream } = peers
  stream.exchange.begin(POST, memoryPiece('a', false))
  t.same([stream.log, stream.paused, peers.counters[SLOT.held]], [[], true, 1])
  peers.advance(30_000)
  t.same(stream.log, ['answer 503', 'ended, last'])
  t.equal(stream.exchange.facts.error, 'hold_timeout')
  isOver(t, peers)
})

t.test('limits that need no route answer before anything is chosen', async t => {
  const peers = new MemoryPeers({}, 2, new MemoryContext(new FakeClock(), { maxConcurrentRequests: 1 }))
  const [first, second] = pair(peers)
  first.exchange.begin(GET, NOTHING)
  second.exchange.begin(GET, NOTHING)
  t.same(second.log, ['answer 503', 'ended'])
  t.equal(peers.calls.length, 1)
  first.exchange.downstreamGone()
  isOver(t, peers)
})
