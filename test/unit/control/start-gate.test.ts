import t from 'tap'
import type { VersionEndpoints } from '../../../src/discovery/endpoint-registry.ts'
import { StartGate } from '../../../src/control/start-gate.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'

function synced (version: string): VersionEndpoints {
  return { route: 'r', version, endpoints: [], problem: undefined }
}

function waiting (version: string): VersionEndpoints {
  return { route: 'r', version, endpoints: undefined, problem: { kind: 'unsynced', detail: 'its endpoints could not be read yet: 403' } }
}

function gateOf (versions: readonly VersionEndpoints[], waitMs = 1_000) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const known = [...versions]
  const gate = new StartGate({ clock, log, waitMs, versions: () => known })
  gate.start()
  return { clock, log, gate, known }
}

t.test('it opens when every version has had its first list, and never closes', async t => {
  const { clock, log, gate } = gateOf([waiting('a')])
  t.equal(gate.isOpen, false)
  gate.synced()
  t.equal(gate.isOpen, true)
  clock.advance(10_000)
  gate.received()
  t.equal(gate.isOpen, true)
  t.strictSame(log.lines, [])
})

t.test('when the time is over it opens with what there is, and says loudly what is missing', async t => {
  const { clock, log, gate } = gateOf([synced('a'), waiting('b'), waiting('c')])
  gate.received()
  clock.advance(999)
  t.equal(gate.isOpen, false)
  clock.advance(1)
  t.equal(gate.isOpen, true)
  t.match(log.lines, [{ level: 'error', message: /^Weir is ready without the endpoints of some versions/, fields: { waiting: 'r/b, r/c', reasons: 'its endpoints could not be read yet: 403' } }])
  t.equal(log.lines.length, 1)
})

t.test('while nothing at all is known it stays closed, and opens with the first that is', async t => {
  const { clock, log, gate, known } = gateOf([waiting('a'), waiting('b')])
  clock.advance(60_000)
  t.equal(gate.isOpen, false)
  t.match(log.lines, [{ level: 'error', message: /stays unready until one has/ }])
  known[0] = synced('a')
  gate.received()
  t.equal(gate.isOpen, true)
  t.equal(log.lines.length, 2)
})

t.test('0 waits for as long as it takes', async t => {
  const { clock, gate } = gateOf([synced('a'), waiting('b')], 0)
  clock.advance(1_000_000)
  gate.received()
  t.equal(gate.isOpen, false)
  gate.synced()
  t.equal(gate.isOpen, true)
})

t.test('a gate that is stopped stays as it is', async t => {
  const { clock, log, gate } = gateOf([synced('a'), waiting('b')])
  gate.stop()
  clock.advance(10_000)
  t.equal(gate.isOpen, false)
  t.strictSame(log.lines, [])
})
