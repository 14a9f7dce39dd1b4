import t from 'tap'
import { HealthBook, shareOf } from '../../../src/control/health-book.ts'
import type { EndpointHealthReport, HealthMessage } from '../../../src/contract/messages.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'

const START_MS = Date.UTC(2026, 0, 1)

function setUp () {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  return { clock, log, book: new HealthBook(log, clock) }
}

function ejected (endpoint: string, sinceMs: number, detail = 'because'): EndpointHealthReport {
  return { endpoint, available: false, reasons: [{ kind: 'ejected', sinceMs: START_MS + sinceMs, untilMs: START_MS + sinceMs + 10_000, detail }] }
}

const trial = (endpoint: string): EndpointHealthReport => ({ endpoint, available: true, reasons: [{ kind: 'trial', sinceMs: START_MS, untilMs: null, detail: 'one at a time' }] })
const message = (endpoints: readonly EndpointHealthReport[], panic = false, version = 'v1'): HealthMessage => ({ type: 'health', route: 'hello', version, panic, endpoints })
const named = (...keys: string[]) => keys.map(key => ({
  address: key.slice(0, -2), port: Number(key.slice(-1)), ready: true, serving: true, terminating: false
}))
const messages = (log: RecordingLogger) => log.lines.map(({ level, message: text, fields }) => [level, text, fields['endpoint'] ?? fields['worker']])

t.test('what workers say is summed up: how many, since the first, until the last', async t => {
  const { book } = setUp()
  book.report(0, message([ejected('a:1', 1_000, 'first'), trial('b:1')]))
  book.report(1, message([ejected('a:1', 3_000, 'second'), ejected('c:1', 0)], true))
  const { endpoints, panicWorkers, unavailable } = book.summary('hello', 'v1', 2)
  t.equal(panicWorkers, 1)
  t.same(endpoints.get('a:1'), { available: 'none', reasons: [{ kind: 'ejected', workers: 2, sinceMs: START_MS + 1_000, untilMs: START_MS + 13_000, detail: 'second' }] })
  t.same(endpoints.get('b:1'), { available: 'all', reasons: [{ kind: 'trial', workers: 1, sinceMs: START_MS, untilMs: null, detail: 'one at a time' }] })
  t.equal(endpoints.get('c:1')?.available, 'some')
  t.equal(unavailable(named('a:1', 'b:1', 'c:1')), 2, 'as the worker sees it that finds the fewest')
  t.equal(unavailable(named('b:1', 'c:1')), 1, 'endpoints that have left do not count')
  t.equal(book.summary('hello', 'v2', 2).endpoints.size, 0)
})

t.test('what requests go to is counted by the rule that the workers go by', async t => {
  const { book } = setUp()
  const failing = (endpoint: string): EndpointHealthReport => ({ endpoint, available: false, reasons: [{ kind: 'check-failed', sinceMs: START_MS, untilMs: null, detail: 'status 500' }] })
  const used = (...endpoints: string[]) => book.summary('hello', 'v1', 2).used(named(...endpoints))
  t.equal(used('a:1', 'b:1'), 2, 'nobody has said anything')
  book.report(0, message([ejected('a:1', 0)]))
  t.equal(used('a:1', 'b:1'), 1)
  book.report(1, message([failing('a:1'), ejected('b:1', 0)]))
  t.equal(used('a:1', 'b:1'), 1, 'ejections alone never leave nothing')
  book.report(1, message([failing('a:1'), failing('b:1')]))
  t.equal(used('a:1', 'b:1'), 0)
  book.report(1, message([failing('a:1'), failing('b:1')], true))
  t.equal(used('a:1', 'b:1'), 1, 'in panic all are used; the other worker uses one')
})

t.test('the latest report counts, a worker that is gone is forgotten, and so is a version', async t => {
  const { book } = setUp()
  const seen = (version = 'v1') => [...book.summary('hello', version, 2).endpoints.keys()]
  book.report(0, message([ejected('a:1', 0)]))
  book.report(0, message([ejected('b:1', 0)]))
  book.report(1, message([ejected('c:1', 0)]))
  t.same(seen(), ['b:1', 'c:1'])
  book.forget(1)
  t.same(seen(), ['b:1'])
  book.report(1, message([]))
  book.report(0, message([ejected('d:1', 0)], false, 'v2'))
  book.retain([{ route: 'hello', version: 'v2' }])
  t.same([seen(), seen('v2')], [[], ['d:1']])
})

t.test('a report that comes after its version has gone is dropped, and not there when the version returns', async t => {
  const { book, log } = setUp()
  const both = [{ route: 'hello', version: 'v1' }, { route: 'hello', version: 'v2' }]
  const seen = (version: string) => [...book.summary('hello', version, 1).endpoints.keys()]
  book.retain(both)
  book.retain(both.slice(1))
  book.report(0, message([ejected('late:1', 0)], true))
  book.report(0, message([ejected('b:1', 0)], false, 'v2'))
  t.same(messages(log), [['warn', 'an endpoint was ejected', 'b:1']], 'nor does the log speak of it')
  book.retain(both)
  t.same([seen('v1'), seen('v2')], [[], ['b:1']])
  t.equal(book.summary('hello', 'v1', 1).panicWorkers, 0)
  book.report(0, message([ejected('a:1', 0)]))
  t.same(seen('v1'), ['a:1'], 'from then on it is heard again')
})

t.test('ejections and returns are logged once each; one that has left early is not back', async t => {
  const { book, clock, log } = setUp()
  book.report(0, message([ejected('a:1', 0), ejected('b:1', 0)]))
  book.report(0, message([ejected('a:1', 0), ejected('b:1', 0), trial('c:1')]))
  t.same(messages(log), [['warn', 'an endpoint was ejected', 'a:1'], ['warn', 'an endpoint was ejected', 'b:1']])
  t.match(log.lines[0]?.fields, { route: 'hello', version: 'v1', worker: 0, detail: 'because', forMs: 10_000 })
  clock.advance(5_000)
  book.report(0, message([ejected('a:1', 0)]))
  t.equal(log.lines.length, 2)
  clock.advance(5_000)
  book.report(0, message([trial('a:1')]))
  t.same(messages(log)[2], ['info', 'an endpoint is back from its ejection', 'a:1'])
  book.report(0, message([ejected('a:1', 10_500)]))
  t.same(messages(log)[3], ['warn', 'an endpoint was ejected', 'a:1'])
})

t.test('panic is logged when it begins and when it ends', async t => {
  const { book, log } = setUp()
  for (const panic of [true, true, false, false]) book.report(1, message([], panic))
  t.same(messages(log), [['warn', 'so few endpoints are available that all are used', 1], ['info', 'enough endpoints are available again', 1]])
})

t.test('a count of workers in a word', async t => {
  t.same([shareOf(0, 2), shareOf(1, 2), shareOf(2, 2), shareOf(0, 0)], ['none', 'some', 'all', 'all'])
})

t.test('of a version with near endpoints those are used, by each worker that finds enough of them', async t => {
  const { book } = setUp()
  const endpoints = named('a:1', 'b:1', 'c:1').map((each, index) => ({ ...each, near: index === 0 }))
  const used = () => [book.summary('hello', 'v1', 2).used(endpoints), Object.fromEntries(book.summary('hello', 'v1', 2).usedBy(endpoints))]
  t.same(used(), [1, { 'a:1': 'all' }], 'nobody has said anything')
  book.report(0, message([ejected('a:1', 0)]))
  t.same(used(), [1, { 'a:1': 'some', 'b:1': 'some', 'c:1': 'some' }], 'the other worker has not ejected it')
  book.report(1, message([ejected('a:1', 0)]))
  t.same(used(), [2, { 'b:1': 'all', 'c:1': 'all' }])
  book.report(1, message([ejected('a:1', 0), ejected('b:1', 0)], true))
  t.same(used(), [2, { 'a:1': 'some', 'b:1': 'all', 'c:1': 'all' }], 'in panic all are')
  t.same(book.summary('hello', 'v1', 2).usedBy(endpoints.map(each => ({ ...each, ready: false }))).get('c:1'), 'all', 'the last resort has no place')
})
