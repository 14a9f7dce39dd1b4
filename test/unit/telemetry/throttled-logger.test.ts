import t from 'tap'
import { ThrottledLogger } from '../../../src/telemetry/throttled-logger.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'

function setUp (): { clock: FakeClock, recorded: RecordingLogger, logger: ThrottledLogger } {
  const clock = new FakeClock()
  const recorded = new RecordingLogger()
  return { clock, recorded, logger: new ThrottledLogger(recorded, clock, 10_000) }
}

t.test('the first of a storm is logged at once, the rest once an interval with their number', (t) => {
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

t.test('after an interval of silence a message is logged at once again', (t) => {
  const { clock, recorded, logger } = setUp()
  logger.warn('Once')
  clock.advance(10_000)
  logger.warn('Once')
  t.equal(recorded.lines.length, 2)
  clock.advance(10_000)
  t.equal(clock.pending, 0, 'nothing is kept of it')
  t.end()
})

t.test('different messages and levels do not throttle each other', (t) => {
  const { recorded, logger } = setUp()
  logger.debug('One')
  logger.info('One')
  logger.warn('Two')
  logger.error('Three')
  t.strictSame(recorded.lines.map(({ level, message }) => `${level} ${message}`), ['debug One', 'info One', 'warn Two', 'error Three'])
  t.end()
})

t.test('a storm of messages that are all different is bounded too', (t) => {
  const { clock, recorded, logger } = setUp()
  for (let index = 0; index < 10_000; index++) logger.info(`Message ${index}`)
  t.equal(recorded.lines.length, 257)
  t.equal(clock.pending, 257)
  clock.advance(10_000)
  t.equal(recorded.lines.length, 258)
  t.match(recorded.lines.at(-1), { message: 'Message 9999', fields: { repeated: 9_743 } })
  t.end()
})
