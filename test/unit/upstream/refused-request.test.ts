import t from 'tap'
import { systemClock } from '../../../src/core/clock.ts'
import type { ByteStream, ByteStreamHandler, ReadBuffer } from '../../../src/net/byte-stream.ts'
import { UpstreamConnection } from '../../../src/upstream/upstream-connection.ts'
import { ProxyBench } from '../../helpers/data-plane.ts'
import { StalledStream } from '../../helpers/stalled-stream.ts'

/** Its kernel refuses what is written, or takes it, and the connection ends. */
function ending (writeRefused: boolean, offered = '') {
  let stream: StalledStream | undefined
  let handler: ByteStreamHandler | undefined
  const failures: string[] = []
  const connection = new UpstreamConnection({
    key: 'origin',
    segmentBytes: 1_200,
    dialer: {
      dial (handledBy: ByteStreamHandler, buffer: ReadBuffer, onConnect: () => void): ByteStream {
        handler = handledBy
        stream = new StalledStream(buffer)
        stream.writeRefused = writeRefused
        setImmediate(onConnect)
        return stream
      },
      failed: () => 'upstream_connect_failed'
    },
    opening () {},
    opened () {},
    closed () {},
    tunnelChanged () {},
    park: () => true,
    unpark () {}
  }, new ProxyBench({}, systemClock).plane)
  const ready = new Promise<void>(resolve => {
    connection.assign({
      onCallReady: resolve,
      onInterim () {},
      onSwitch: () => ({
        onTunnelBytes () {},
        onTunnelEnd () { failures.push('complete') },
        onCallDrain () {},
        abort () {},
        onFailed: (code, fault) => { failures.push(`${code}: ${fault}`) }
      }),
      onHead () {},
      onBody () {},
      onEnd () { failures.push('complete') },
      onCallDrain () {},
      onFailed: (code, fault) => { failures.push(`${code}: ${fault}`) }
    }, { idempotent: false, toHead: false, offered, logsIn: false })
  })
  const answers = (text: string): void => {
    const bytes = Buffer.from(text)
    handler?.onBytes(bytes, 0, bytes.length)
  }
  const refuse = (): void => { if (stream !== undefined) stream.writeRefused = true }
  return { connection, failures, ready, answers, refuse, end: () => { handler?.onEnd() }, close: () => { handler?.onClose('EPIPE') } }
}

for (const refused of [true, false]) {
  t.test(`a request that the kernel ${refused ? 'refused counts as unsent' : 'took counts as sent'} when its connection ends`, async t => {
    const { connection, failures, ready, close } = ending(refused)
    await ready
    connection.reserveOut(10)
    connection.outLength = 10
    connection.send()
    t.equal(connection.sent, !refused)
    close()
    t.same(failures, ['upstream_reset: EPIPE'])
    t.equal(connection.sent, !refused)
  })
}

for (const [what, offered, text] of [
  ['an answer that ends with its connection', '', 'HTTP/1.1 200 OK\r\n\r\nabc'],
  ['a tunnel', 'websocket', 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nabc']
] as const) {
  for (const refused of [true, false]) {
    t.test(`${what} ${refused ? 'is cut when a write was refused before: its end may be a reset' : 'is whole when that ends'}`, async t => {
      const { connection, failures, ready, answers, refuse, end } = ending(false, offered)
      await ready
      connection.reserveOut(10)
      connection.outLength = 10
      connection.send()
      answers(text)
      if (refused) refuse()
      end()
      t.match(failures, refused ? [/^upstream_truncated/] : ['complete'])
      t.equal(failures.length, 1)
    })
  }
}
