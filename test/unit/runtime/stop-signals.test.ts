import { EventEmitter } from 'node:events'
import t from 'tap'
import { StopSignals } from '../../../src/runtime/signals.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

function setUp () {
  const source = new EventEmitter()
  const clock = new FakeClock()
  const signals = new StopSignals(source, clock)
  const seen: string[] = []
  void signals.asked.then(() => { seen.push('asked') })
  void signals.insisted.then(() => { seen.push('insisted') })
  const happened = async (): Promise<readonly string[]> => {
    await new Promise(resolve => { setImmediate(resolve) })
    return seen
  }
  return { source, clock, signals, seen, happened }
}

t.test('nothing is asked without a signal', async t => {
  const { happened, clock } = setUp()
  clock.advance(10_000)
  t.same(await happened(), [])
})

t.test('whether a signal has come is known at once', async t => {
  const { source, signals } = setUp()
  t.equal(signals.wasAsked, false)
  source.emit('SIGTERM')
  t.equal(signals.wasAsked, true)
})

t.test('SIGQUIT, by which nginx is stopped patiently, is as patient as SIGTERM', async t => {
  const { source, clock, signals, seen, happened } = setUp()
  source.emit('SIGQUIT')
  t.equal(signals.wasAsked, true)
  void signals.delay(5_000).then(() => { seen.push('delayed') })
  clock.advance(4_999)
  t.same(await happened(), ['asked'])
  clock.advance(1)
  t.same(await happened(), ['asked', 'delayed'])
})

t.test('SIGTERM asks, and the delay takes its time', async t => {
  const { source, clock, signals, seen, happened } = setUp()
  source.emit('SIGTERM')
  void signals.delay(5_000).then(() => { seen.push('delayed') })
  clock.advance(4_999)
  t.same(await happened(), ['asked'])
  clock.advance(1)
  t.same(await happened(), ['asked', 'delayed'])
  t.equal(clock.pending, 0)
})

t.test('SIGINT skips the delay, before it and in it', async t => {
  for (const before of [true, false]) {
    const { source, signals, seen, clock, happened } = setUp()
    source.emit(before ? 'SIGINT' : 'SIGTERM')
    void signals.delay(5_000).then(() => { seen.push('delayed') })
    if (!before) source.emit('SIGINT')
    t.same(await happened(), ['asked', 'delayed'])
    t.equal(clock.pending, 0, 'its timer is gone')
  }
})

t.test('a second signal insists, unless it comes with the first', async t => {
  const { source, clock, signals, seen, happened } = setUp()
  source.emit('SIGTERM')
  void signals.delay(5_000).then(() => { seen.push('delayed') })
  clock.advance(999)
  source.emit('SIGTERM')
  t.same(await happened(), ['asked'], 'a Ctrl-C may arrive twice')
  clock.advance(1)
  source.emit('SIGTERM')
  t.same((await happened()).toSorted(), ['asked', 'delayed', 'insisted'])
})
