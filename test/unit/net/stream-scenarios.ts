/** What every stream promises, over TCP and over TLS. */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { createReadBuffer, type ByteStream, type ReadBuffer } from '../../../src/net/byte-stream.ts'
import { kernelSocket, portsOf } from '../../helpers/kernel-socket.ts'
import { untilStalled } from '../../helpers/pump.ts'
import type { RawPeer } from '../../helpers/raw-peer.ts'
import type { StreamRecorder } from '../../helpers/stream-recorder.ts'
import { turns } from '../../helpers/turns.ts'
import { until } from '../../helpers/until.ts'

/** A stream and who is at its other end. */
export interface StreamPair {
  readonly stream: ByteStream
  readonly recorder: StreamRecorder
  readonly peer: RawPeer
  /** Where the stream reads into at first. */
  readonly buffer: ReadBuffer
  /** The kernel has a small write when `write` returns, so that its end is not told later. */
  readonly takesSmallWrites: boolean
}

/** Opens a connection for a test, with a buffer of its own if it wants one. */
type OpenPair = (own?: ReadBuffer) => Promise<StreamPair>

interface StreamScenario {
  readonly name: string
  readonly run: (t: Test, open: OpenPair) => Promise<void>
}

export const buffer = (length = 65_536): ReadBuffer => createReadBuffer(16, length, 16)

const reading: readonly StreamScenario[] = [
  {
    name: 'bytes come in the reader\'s buffer, between the free room',
    async run (t, open) {
      const both = await open()
      both.peer.send('hello')
      await until(() => both.recorder.bytes.length === 5)
      t.equal(both.recorder.bytes.toString(), 'hello')
      t.equal(both.recorder.reads[0]?.memory, both.buffer.memory)
      t.equal(both.recorder.reads[0]?.start, 16)
    }
  },
  {
    name: 'a change of buffers during a read holds from the next read on',
    async run (t, open) {
      const both = await open()
      const other = buffer()
      both.recorder.onRead = () => { both.stream.readInto(other) }
      both.peer.send('first')
      await until(() => both.recorder.bytes.length === 5)
      both.peer.send('second')
      await until(() => both.recorder.bytes.length === 11)
      t.equal(both.recorder.bytes.toString(), 'firstsecond')
      t.equal(both.recorder.reads[0]?.memory, both.buffer.memory)
      t.equal(both.recorder.reads[1]?.memory, other.memory)
    }
  },
  {
    name: 'a change of buffers between reads holds at once',
    async run (t, open) {
      const both = await open()
      both.peer.send('first')
      await until(() => both.recorder.bytes.length === 5)
      const other = buffer()
      both.stream.readInto(other)
      both.peer.send('second')
      await until(() => both.recorder.bytes.length === 11)
      both.peer.send('third')
      await until(() => both.recorder.bytes.length === 16)
      t.equal(both.recorder.bytes.toString(), 'firstsecondthird')
      t.same(both.recorder.reads.slice(1).map(({ memory }) => memory === other.memory), [true, true])
    }
  },
  {
    name: 'a change there and back between reads changes nothing',
    async run (t, open) {
      const both = await open()
      both.peer.send('first')
      await until(() => both.recorder.bytes.length === 5)
      both.stream.readInto(buffer())
      both.stream.readInto(both.buffer)
      both.peer.send('second')
      await until(() => both.recorder.bytes.length === 11)
      t.equal(both.recorder.bytes.toString(), 'firstsecond')
      t.equal(both.recorder.reads[1]?.memory, both.buffer.memory)
    }
  },
  {
    name: 'a paused stream delivers nothing, and everything when it is resumed',
    async run (t, open) {
      const both = await open(buffer(1_000))
      const bytes = randomBytes(50_000)
      both.recorder.onRead = () => { both.stream.pause() }
      both.peer.send(bytes)
      let delivered = 0
      for (let round = 0; both.recorder.bytes.length < bytes.length; round++) {
        await until(() => both.recorder.bytes.length > delivered)
        delivered = both.recorder.bytes.length
        if (round < 3) {
          await turns()
          t.equal(both.recorder.bytes.length, delivered, 'a pause during a read holds back the rest')
        }
        t.ok((both.recorder.reads.at(-1)?.length ?? 0) <= 1_000)
        both.stream.resume()
      }
      t.ok(both.recorder.bytes.equals(bytes))
    }
  },
  {
    name: 'a pause and a resume in one turn lose nothing',
    async run (t, open) {
      const both = await open()
      const bytes = randomBytes(1_000_000)
      both.recorder.onRead = () => {
        both.stream.pause()
        both.stream.resume()
      }
      both.peer.send(bytes)
      await until(() => both.recorder.bytes.length === bytes.length)
      t.ok(both.recorder.bytes.equals(bytes))
    }
  }
]

const writing: readonly StreamScenario[] = [
  {
    name: 'writes that the kernel does not take wait, in order, and their end is told once',
    async run (t, open) {
      const both = await open()
      both.peer.socket.pause()
      const pieces = Array.from({ length: 12 }, (_, index) => Buffer.alloc(1_000_000, index + 1))
      let waiting = false
      for (const piece of pieces) if (!both.stream.write(piece)) waiting = true
      t.equal(waiting, true)
      t.equal(both.stream.writePending, true)
      const received: Buffer[] = []
      both.peer.socket.on('data', (bytes: Buffer) => { received.push(bytes) })
      both.peer.socket.resume()
      await until(() => !both.stream.writePending)
      await both.peer.until('everything', () => both.peer.bytesReceived === 12_000_000)
      t.equal(both.recorder.drains, 1)
      t.ok(Buffer.concat(received).equals(Buffer.concat(pieces)))
    }
  },
  {
    name: 'a reset is seen as such, even when writes wait',
    async run (t, open) {
      for (const pieces of [0, 12]) {
        const both = await open()
        if (pieces > 0) both.peer.socket.pause()
        for (let index = 0; index < pieces; index++) both.stream.write(Buffer.alloc(1_000_000))
        both.stream.write(Buffer.from('x'))
        if (pieces === 0) await until(() => !both.stream.writePending)
        else await untilStalled(() => both.peer.socket.bytesRead + (kernelSocket(portsOf(both.peer.socket))?.unread ?? 0))
        both.stream.reset()
        both.peer.socket.resume()
        await both.peer.untilClosed()
        t.equal(both.peer.error, 'ECONNRESET', `${pieces} megabytes before`)
        t.equal(both.peer.ended, false)
        await until(() => both.recorder.closes.length === 1)
        t.equal(both.recorder.drains, pieces === 0 && !both.takesSmallWrites ? 1 : 0)
      }
    }
  }
]

export const STREAM_SCENARIOS: readonly StreamScenario[] = [...reading, ...writing]
