import t from 'tap'
import { ThrottledLogger } from '../../../src/telemetry/throttled-logger.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'

function setUp (): { clock: FakeClock, recorded: RecordingLogger, logger: ThrottledLogger } {
  const clock = new FakeClock()
  const recorded = new RecordingLogger()
  return { clock, recorded, logger: new ThrottledLogger(recorded, clock, 10_000) }
}

t.test('the first of a storm is logged at once, the rest once an interval with their number', t => {
  const { clock, recorded, logger } = setUp()
  for (let index = 0; index < 1_000; index++) logger.error('It failed', { index })
  t.strictSame(recorded.lines, [{ level: 'error', message: 'It failed', fields: { index: 0 } }])
  clock.advance(10_000)
  t.strictSame(recorded.lines.slice(1), [{ level: 'error', message: 'It failed', fields: { index: 999, repeated: 999 } }])
  logger.error('It failed', { index: 1_000 })
  t.equal(recorded.lines.length, 2, 'the interval began anew with that line')
  clock.advance(10_000)
  t.strictSame(recorded.lines.at(-1)?.fields, { index: 1_000, repeated: 1 })
  t.end()
})

t.test('after an interval of silence a message is logged at once again', t => {
  const { clock, recorded, logger } = setUp()
  logger.warn('Once')
  clock.advance(10_000)
  logger.warn('Once')
  t.equal(recorded.lines.length, 2)
  clock.advance(10_000)
  t.equal(clock.pending, 0, 'nothing is kept of it')
  t.end()
})

t.test('different messages and levels do not throttle each other', t => {
  const { recorded, logger } = setUp()
  logger.debug('One')
  logger.info('One')
  logger.warn('Two')
  logger.error('Three')
  t.strictSame(recorded.lines.map(({ level, message }) => `${level} ${message}`), ['debug One', 'info One', 'warn Two', 'error Three'])
  t.end()
})

t.test('a storm of messages that are all different is bounded too', t => {
  const { clock, recorded, logger } = setUp()
  for (let index = 0; index < 10_000; index++) logger.info(`Message ${index}`)
  t.equal(recorded.lines.length, 257)
  t.equal(clock.pending, 257)
  clock.advance(10_000)
  t.equal(recorded.lines.length, 258)
  t.match(recorded.lines.at(-1), { message: 'Message 9999', fields: { repeated: 9_743 } })
  t.end()
})

const texts = (recorded: RecordingLogger) => recorded.lines.map(({ message, fields }) =>
  `${message} ${fields['endpoint'] ?? ''} ${fields['reason'] ?? ''}${fields['repeated'] === undefined ? '' : ` x${fields['repeated']}`}`)

t.test('what happens to one endpoint does not stand for another, nor one reason for another', async t => {
  const { clock, recorded, logger } = setUp()
  for (let round = 0; round < 3; round++) {
    for (const endpoint of ['a:1', 'b:1']) {
      for (const reason of ['refused', 'reset']) logger.warn('It fails', { endpoint, reason, worker: round })
    }
  }
  t.strictSame(texts(recorded), ['It fails a:1 refused', 'It fails a:1 reset', 'It fails b:1 refused', 'It fails b:1 reset'])
  clock.advance(10_000)
  t.strictSame(texts(recorded).slice(4), [
    'It fails a:1 refused x2', 'It fails a:1 reset x2', 'It fails b:1 refused x2', 'It fails b:1 reset x2'
  ])
  t.equal(recorded.lines.at(-1)?.fields['worker'], 2, 'which worker says it makes no other kind')
})

t.test('what is said of one endpoint is in order', async t => {
  const { clock, recorded, logger } = setUp()
  for (const message of ['ejected', 'ejected', 'back', 'ejected', 'fails']) logger.warn(message, { endpoint: 'a:1' })
  t.strictSame(texts(recorded).map(text => text.trim()), ['ejected a:1'], 'the return waits behind the second ejection')
  clock.advance(10_000)
  t.strictSame(texts(recorded).slice(1), ['back a:1  x1', 'ejected a:1  x2', 'fails a:1  x1'])
  logger.warn('fails', { endpoint: 'a:1' })
  t.equal(recorded.lines.length, 4, 'the interval began anew')
})

t.test('a version, a namespace and a listener are subjects too', async t => {
  const { recorded, logger } = setUp()
  for (let round = 0; round < 2; round++) {
    for (const fields of [
      { route: 'r', version: 'v1' },
      { route: 'r', version: 'v2' },
      { route: 's', version: 'v1' },
      { namespace: 'n' },
      { namespace: 'm' },
      { listener: 'l' }
    ]) logger.warn('odd', fields)
  }
  t.equal(recorded.lines.length, 6)
})

t.test('debug hides nothing', async t => {
  const { recorded, logger } = setUp()
  for (let round = 0; round < 3; round++) logger.debug('one', { endpoint: 'a:1' })
  t.equal(recorded.lines.length, 3)
})
