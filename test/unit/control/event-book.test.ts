import t from 'tap'
import { EventStream } from '../../../src/admin/event-stream.ts'
import { bookTraffic, EventBook, MAX_KEPT_EVENTS, type BookedEvent } from '../../../src/control/event-book.ts'
import type { TrafficEvent } from '../../../src/rollout/split-announcer.ts'
import type { Revision } from '../../../src/rollout/traffic-state.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { turns } from '../../helpers/turns.ts'

const bookOf = (): EventBook => new EventBook('here', new FakeClock(Date.UTC(2026, 0, 1)))

t.test('an event is one line of JSON with its time, and nothing in it moves a cursor', async t => {
  const book = bookOf()
  const seen: string[] = []
  const end = book.subscribe(({ text }) => { seen.push(text) })
  book.record('weights', 'hello', { reason: 'a\u0085b\nc' })
  end()
  book.record('weights', 'hello', {})
  t.same(seen, ['{"type":"weights","at":"2026-01-01T00:00:00.000Z","route":"hello","reason":"a\\u0085b\\nc"}'])
})

t.test('who comes back gets what came after, and is told when some of it is missing', async t => {
  const book = bookOf()
  for (let index = 0; index < 3; index++) book.record('weights', 'hello', { index })
  t.match(book.after('here-1'), { gap: false, events: [{ number: 2 }, { number: 3 }] })
  t.same(book.after('here-3'), { gap: false, events: [] })
  t.same(book.after('here-0').events.length, 3)
  for (const other of ['there-1', 'here-4', 'here-', 'here', '', 'here-1e9', `here-${'9'.repeat(40)}`]) t.same(book.after(other), { gap: true, events: [] }, other)
})

t.test('what is kept is bounded by number and by length', async t => {
  const book = bookOf()
  for (let index = 0; index < MAX_KEPT_EVENTS + 5; index++) book.record('weights', 'hello', {})
  t.match(book.after('here-5'), { gap: false, events: { length: MAX_KEPT_EVENTS } })
  t.match(book.after('here-4'), { gap: true, events: { length: MAX_KEPT_EVENTS } })
  const long = bookOf()
  for (let index = 0; index < 100; index++) long.record('weights', 'hello', { reason: 'x'.repeat(100_000) })
  t.ok(long.after('here-0').events.length <= 10)
})

t.test('a stream begins where the client left, and goes on with what happens', async t => {
  const book = bookOf()
  book.record('weights', 'hello', { index: 1 })
  book.record('weights', 'other', { index: 2 })
  const all = new EventStream(book, { route: undefined, lastId: 'here-1' })
  const one = new EventStream(book, { route: 'hello', lastId: undefined })
  book.record('weights', 'hello', { index: 3 })
  all.beat()
  const text = (stream: EventStream): string => {
    let read = ''
    for (let piece: unknown = stream.read(); piece !== null; piece = stream.read()) read += String(piece)
    return read
  }
  t.equal(text(all).replace(/data: .*"index":(\d)\}/g, 'data $1'), 'retry: 2000\nid: here-1\n\nid: here-2\nevent: weights\ndata 2\n\nid: here-3\nevent: weights\ndata 3\n\n:\n\n')
  t.match(text(one), /^retry: 2000\nid: here-2\n\nid: here-3\nevent: weights\ndata: \{.*"index":3\}\n\n$/)
  all.destroy()
  one.destroy()
})

t.test('a client that does not read loses events, is told how many, and gets the next ones', async t => {
  const book = bookOf()
  const stream = new EventStream(book, { route: undefined, lastId: undefined })
  for (let index = 0; index < 10; index++) book.record('weights', 'hello', { index, reason: 'x'.repeat(20_000) })
  t.ok(stream.readableLength < 100_000, `${stream.readableLength} bytes are kept`)
  let read = ''
  stream.on('data', (piece: Buffer) => { read += piece.toString() })
  await turns(5)
  const told = read.split('event: weights').length - 1
  t.match(read, new RegExp(`event: gap\\ndata: \\{"dropped":${10 - told}\\}\\n\\n$`))
  book.record('weights', 'hello', { index: 10 })
  await turns(5)
  t.match(read, /"index":10\}\n\n$/)
  stream.destroy()
})

t.test('a stream of another process begins with a gap, and ends when it is told to', async t => {
  const stream = new EventStream(bookOf(), { route: undefined, lastId: 'there-7' })
  stream.finish()
  let read = ''
  for await (const piece of stream) read += String(piece)
  t.equal(read, 'retry: 2000\nid: here-0\n\nid: here-0\nevent: gap\ndata: {}\n\n')
})

t.test('a change of weights is known by the same id in all replicas, and tells itself from what was only found', async t => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1))
  const replicas = ['a', 'b'].map(instance => {
    const book = new EventBook(instance, clock)
    const seen: BookedEvent[] = []
    book.subscribe(event => { seen.push(event) })
    let tell = (_event: TrafficEvent): void => {}
    bookTraffic({ subscribe: listener => { tell = listener; return () => {} } }, book)
    return { seen, tell: (event: TrafficEvent) => { tell(event) } }
  })
  const revision: Revision = {
    revision: 2, epoch: 2, actor: 'ops', reason: 'half', source: 'api', action: 'weights', before: { a: 1, b: 0 }, after: { a: 1, b: 1 }, at: new Date(clock.wallMs()).toISOString()
  }
  const tellAll = (route: string, change: Partial<Revision> = {}): void => {
    const last = { ...revision, ...change }
    const traffic = { epoch: last.epoch, revision: last.revision, weights: last.after, fileWeights: last.after, history: [last] }
    clock.advance(5)
    for (const { tell } of replicas) tell({ route, traffic, revision: last })
  }
  tellAll('hello')
  tellAll('other')
  tellAll('hello', { epoch: 3, revision: 3 })
  tellAll('hello', { at: '2026-01-01T00:00:00.001Z' })
  const [one = [], two = []] = replicas.map(({ seen }) => seen.map(({ sharedId }) => sharedId))
  t.same(one, two)
  t.equal(new Set(one).size, 4, 'and by another one than any other change')
  for (const id of one) t.match(id, /^weights-[\w-]{22}$/)

  tellAll('hello', { at: '2025-12-31T23:59:59.999Z' })
  tellAll('new', { before: {} })
  t.same(replicas[0]?.seen.map(({ isChange }) => isChange), [true, true, true, true, false, false])
})
