import t from 'tap'
import type { ShadowFailure } from '../../../src/contract/shadow-report.ts'
import { ShadowCopy } from '../../../src/shadow/shadow-copy.ts'
import { RouteShare, ShadowBytes, ShadowRoom } from '../../../src/shadow/shadow-room.ts'
import { ProxyBench } from '../../helpers/data-plane.ts'
import { MemoryCall } from '../../helpers/memory-peers.ts'

const keep = (): never => { throw new Error('nothing is begun here') }

/** A copy that finds an idle connection. */
async function onIdle (idempotent: boolean): Promise<{ readonly idle: MemoryCall, readonly opened: MemoryCall[], readonly ended: Array<ShadowFailure | null> }> {
  const bench = await ProxyBench.start()
  const idle = new MemoryCall('idle', keep)
  idle.connecting = false
  idle.reused = true
  const opened: MemoryCall[] = []
  const ended: Array<ShadowFailure | null> = []
  const room = new ShadowRoom(bench.plane, { size: 1 })
  new ShadowCopy(bench.plane, {
    bytes: Buffer.from('x'),
    headLength: 1,
    idempotent,
    toHead: false,
    calls: {
      hasIdle: true,
      takeIdle: () => idle,
      open: () => {
        const call = new MemoryCall('new', keep)
        opened.push(call)
        return call
      },
      retire: () => {}
    },
    terms: { compare: null, headers: null, ignored: new Set(), leftOut: [], maxAnswerBytes: 10 },
    room: new ShadowBytes(room, new RouteShare())
  }, failure => { ended.push(failure) }).start()
  await bench.end()
  return { idle, opened, ended }
}

t.test('a copy that meets a connection in its closing goes again where that can\'t do anything twice', async t => {
  for (const [idempotent, sent, again] of [[true, true, true], [false, false, true], [false, true, false]] as const) {
    const { idle, opened, ended } = await onIdle(idempotent)
    idle.sent = sent
    idle.fail('upstream_reset')
    t.same([opened.length, ended], again ? [1, []] : [0, ['reset']], `idempotent: ${idempotent}, sent: ${sent}`)
  }
})

t.test('the bytes of the copies are divided among the routes, and one copy has as many as it needs while it is alone', async t => {
  const bench = await ProxyBench.start({ shadow: { maxBytes: 1_000 } })
  const room = new ShadowRoom(bench.plane, { size: 4 })
  const share = new RouteShare()
  const [first, second, other] = [new ShadowBytes(room, share), new ShadowBytes(room, share), new ShadowBytes(room, new RouteShare())]
  t.ok(first.take(200))
  t.notOk(second.take(100), 'a quarter is 250')
  t.ok(first.take(400))
  t.equal(room.refusal(share), 'bytes')
  t.equal(room.refusal(new RouteShare()), null)
  t.ok(other.take(250))
  t.notOk(other.take(151), 'there are no more than a thousand')
  first.close()
  t.ok(second.take(250))
  t.equal(room.bytes, 500)
  second.close()
  other.close()
  t.equal(room.bytes, 0)
  await bench.end()
})
