import t from 'tap'
import { systemClock } from '../../../src/core/clock.ts'
import type { ByteStream, ByteStreamHandler, ReadBuffer } from '../../../src/net/byte-stream.ts'
import { UpstreamConnection } from '../../../src/upstream/upstream-connection.ts'
import { ProxyBench } from '../../helpers/data-plane.ts'
import { StalledStream } from '../../helpers/stalled-stream.ts'

/** Its kernel refuses what is written, or takes it, and the connection ends. */
function ending (writeRefused: boolean) {
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
      onSwitch: () => null,
      onHead () {},
      onBody () {},
      onEnd () {},
      onCallDrain () {},
      onFailed: (code, fault) => { failures.push(`${code}: ${fault}`) }
    }, { idempotent: false, toHead: false, offered: '', logsIn: false })
  })
  return { connection, failures, ready, close: () => { handler?.onClose('EPIPE') } }
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
