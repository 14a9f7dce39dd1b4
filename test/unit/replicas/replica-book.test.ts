/**
 * What a replica knows of all: who answers, and how far each is behind.
 */
import t from 'tap'
import { endpointKey } from '../../../src/core/endpoint.ts'
import { ReplicaBook, type KnownReplica } from '../../../src/replicas/replica-book.ts'
import type { ReplicaAnswer, RouteProgress } from '../../../src/replicas/replica-facts.ts'
import { replicaGauges } from '../../../src/replicas/replica-gauges.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const at = (last: number, ready = true) => ({ address: `10.0.0.${last}`, port: 9901, ready, serving: ready, terminating: false })
const keyAt = (last: number): string => endpointKey(at(last))
const SILENT = { kind: 'silent', reason: 'it gave no answer within 2000 ms' } as const

function answerOf (id: string, routes: Readonly<Record<string, number>>, name = `weir-${id}`): ReplicaAnswer {
  const progress = Object.entries(routes).map(([route, epoch]) => [route, { epoch, workers: 2, all: epoch }] as const)
  return { id, name, version: '0.1.0', startedAt: '2026-01-01T00:00:00.000Z', ready: true, workers: 2, routes: new Map(progress), route: undefined }
}

function bookWith (own: Map<string, RouteProgress>) {
  const clock = new FakeClock()
  const { routes: _routes, route: _route, ...facts } = answerOf('own', {})
  return { clock, book: new ReplicaBook(clock, { facts: () => facts, routes: () => own }) }
}

const progress = (epoch: number, all = epoch): RouteProgress => ({ epoch, workers: 2, all })
const lags = (replicas: readonly KnownReplica[]): ReadonlyArray<readonly [string, number]> => replicas.map(({ facts, address, lag }) => [facts?.name ?? address ?? '', lag.max])

t.test('it knows itself by the id in an answer, whatever the address', async t => {
  const { book } = bookWith(new Map())
  t.match(book.all(), [{ self: true, address: undefined, ready: true, facts: { name: 'weir-own' } }])
  for (const last of [1, 2]) book.put(at(last))
  t.notOk(book.isSelf(keyAt(1)))
  book.answered(keyAt(1), answerOf('own', {}))
  t.ok(book.isSelf(keyAt(1)))
  t.match(book.all(), [{ self: true, address: keyAt(1) }, { self: false, address: keyAt(2), facts: undefined }])
  // Another process has the address now.
  book.answered(keyAt(1), answerOf('next', {}))
  t.match(book.all().map(({ self, address }) => [self, address]), [[true, undefined], [false, keyAt(1)], [false, keyAt(2)]])
})

t.test('a replica is behind by the changes that not all of its workers apply', async t => {
  const own = new Map([['hello', progress(5)], ['other', progress(1)]])
  const { book, clock } = bookWith(own)
  for (const last of [1, 2]) book.put(at(last))
  book.answered(keyAt(1), answerOf('one', { hello: 3, other: 1, 'not-here': 9 }))
  const since = clock.wallMs()
  book.answered(keyAt(2), answerOf('two', { hello: 5, other: 1 }))
  t.match(book.all(), [{ lag: { max: 0 } }, { lag: { max: 2, routes: new Map([['hello', 2]]) }, laggingSinceMs: since }, { lag: { max: 0 }, laggingSinceMs: undefined }])
  clock.advance(5_000)
  book.answered(keyAt(1), answerOf('one', { hello: 4, other: 1 }))
  t.match(book.all()[1], { lag: { max: 1 }, laggingSinceMs: since, answerAgeMs: 0 }, 'since when it was first seen so')
  book.answered(keyAt(1), answerOf('one', { hello: 5, other: 1 }))
  t.match(book.all()[1], { lag: { max: 0 }, laggingSinceMs: undefined })
})

t.test('a change that it was not asked about since is no lag of who answers, and one of who does not', async t => {
  const own = new Map([['hello', progress(5)]])
  const { book, clock } = bookWith(own)
  book.put(at(1))
  book.answered(keyAt(1), answerOf('one', { hello: 5 }))
  own.set('hello', progress(6))
  clock.advance(1_000)
  t.same(lags(book.all()), [['weir-own', 0], ['weir-one', 0]])
  t.ok(book.failed(keyAt(1), SILENT), 'is news')
  t.notOk(book.failed(keyAt(1), SILENT))
  const faultSinceMs = clock.wallMs()
  clock.advance(1_000)
  t.match(book.all()[1], { fault: SILENT, faultSinceMs, lag: { max: 1 }, laggingSinceMs: clock.wallMs(), answerAgeMs: 2_000 })
  t.same(book.answered(keyAt(1), answerOf('one', { hello: 6 })), SILENT)
  t.match(book.all()[1], { fault: undefined, faultSinceMs: undefined, lag: { max: 0 } })
})

t.test('this replica is behind when another one has newer weights', async t => {
  const own = new Map([['hello', progress(5)]])
  const { book, clock } = bookWith(own)
  book.put(at(1))
  book.answered(keyAt(1), answerOf('one', { hello: 8 }))
  clock.advance(1_000)
  t.same(lags(book.all()), [['weir-own', 3], ['weir-one', 0]])
  own.set('hello', progress(8, 7))
  t.same(lags(book.all()), [['weir-own', 1], ['weir-one', 0]], 'stored, and one worker lacks it')
})

t.test('who was asked for one route has not forgotten the others', async t => {
  const { book } = bookWith(new Map([['hello', progress(2)]]))
  book.put(at(1))
  book.answered(keyAt(1), answerOf('one', { hello: 1 }))
  book.answered(keyAt(1), answerOf('one', {}))
  t.same(lags(book.all()), [['weir-own', 0], ['weir-one', 1]])
})

t.test('replicas that are gone leave nothing, and names that two have are told apart', async t => {
  const { book } = bookWith(new Map())
  for (const last of [1, 2, 3, 4]) book.put(at(last, last !== 2))
  book.answered(keyAt(1), answerOf('one', {}, 'weir-own'))
  book.answered(keyAt(2), answerOf('two', {}))
  book.answered(keyAt(3), answerOf('three', {}))
  book.failed(keyAt(3), SILENT)
  t.same([...book.sharedNames()], ['weir-own'])
  t.strictSame(replicaGauges(book.all()), {
    states: { ready: 2, 'not-ready': 1, silent: 2 },
    lags: new Map([['weir-own', 0], [`weir-own ${keyAt(1)}`, 0], ['weir-two', 0], ['weir-three', 0], [keyAt(4), 0]])
  })
  for (const last of [1, 2, 3, 4]) book.remove(keyAt(last))
  t.strictSame(replicaGauges(book.all()), { states: { ready: 1, 'not-ready': 0, silent: 0 }, lags: new Map([['weir-own', 0]]) })
  t.same([...book.sharedNames()], [])
  t.equal(book.answered(keyAt(1), answerOf('one', {})), undefined, 'an answer that comes after is of nobody')
})
