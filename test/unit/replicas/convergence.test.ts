/**
 * Waiting until all replicas apply a change: who counts, who does not, and when it is over.
 */
import t from 'tap'
import { type Endpoint, type EndpointChange, endpointKey } from '../../../src/core/endpoint.ts'
import { Convergence, type ConvergenceReceipt } from '../../../src/replicas/convergence.ts'
import type { PeerQuestion } from '../../../src/replicas/peer-client.ts'
import { UNWATCHED_MS } from '../../../src/replicas/replica-members.ts'
import { ReplicaBook } from '../../../src/replicas/replica-book.ts'
import type { ReplicaAnswer } from '../../../src/replicas/replica-facts.ts'
import type { SplitReceipt } from '../../../src/rollout/traffic-state.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { turns } from '../../helpers/turns.ts'

type Reply = Awaited<ReturnType<ConstructorParameters<typeof Convergence>[0]['client']['ask']>>

const at = (last: number, ready = true): Endpoint => ({ address: `10.0.0.${last}`, port: 9901, ready, serving: ready, terminating: false })

function answerOf (id: string, applied: number | undefined, epoch = 5): Reply {
  const answer: ReplicaAnswer = {
    id,
    name: `weir-${id}`,
    version: '0.1.0',
    startedAt: '',
    ready: true,
    workers: 2,
    routes: new Map(),
    route: applied === undefined ? undefined : { epoch, workers: applied, all: epoch, versions: new Map() }
  }
  return { ok: true, answer }
}

/** Replicas that answer when the test says so. */
class Bench {
  readonly clock = new FakeClock()
  readonly book: ReplicaBook
  readonly convergence: Convergence
  readonly stop = new AbortController()
  doubt: { readonly reason: string, readonly waiting: boolean } | undefined
  readonly #members = new Map<string, Endpoint>()
  readonly #listeners = new Set<(change: EndpointChange) => void>()
  /** By address, who waits for the answer. */
  readonly #asked = new Map<string, (reply: Reply) => void>()
  readonly questions: PeerQuestion[] = []

  constructor () {
    const own = answerOf('own', 2)
    if (!own.ok) throw new Error('it is an answer')
    this.book = new ReplicaBook(this.clock, { facts: () => own.answer, routes: () => new Map() })
    this.convergence = new Convergence({
      clock: this.clock,
      book: this.book,
      members: {
        all: () => [...this.#members.values()],
        subscribe: listener => {
          this.#listeners.add(listener)
          return () => { this.#listeners.delete(listener) }
        },
        doubt: (graceMs = UNWATCHED_MS) => graceMs === 0 ? this.doubt : undefined
      },
      client: {
        ask: async (place, question) => await new Promise(resolve => {
          this.questions.push(question)
          this.#asked.set(endpointKey(place), resolve)
          question.signal?.addEventListener('abort', () => { resolve({ ok: false, fault: { kind: 'own', reason: 'not waited for' } }) })
        })
      }
    })
  }

  get listeners (): number { return this.#listeners.size }

  set (...endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      this.#members.set(endpointKey(endpoint), endpoint)
      this.book.put(endpoint)
    }
    for (const listener of this.#listeners) listener({ set: endpoints, gone: [] })
  }

  gone (...endpoints: readonly Endpoint[]): void {
    const keys = endpoints.map(endpointKey)
    for (const key of keys) {
      this.#members.delete(key)
      this.book.remove(key)
    }
    for (const listener of this.#listeners) listener({ set: [], gone: keys })
  }

  async reply (endpoint: Endpoint, reply: Reply): Promise<void> {
    await turns(5)
    this.#asked.get(endpointKey(endpoint))?.(reply)
    await turns(5)
  }

  /** Begins to wait. */
  until (published: Promise<SplitReceipt> = Promise.resolve({ workers: 2, applied: 2, tookMs: 1 })): { readonly receipt: () => ConvergenceReceipt | undefined } {
    let receipt: ConvergenceReceipt | undefined
    void this.convergence.until({ route: 'hello', versions: ['v1', 'v2'], epoch: 5, timeoutMs: 5_000, published, stopping: this.stop.signal }).then(value => { receipt = value })
    return { receipt: () => receipt }
  }
}

t.test('it is over when the workers of all ready replicas have it; this one is found among the addresses', async t => {
  const bench = new Bench()
  bench.set(at(1), at(2), at(3), at(4, false))
  const wait = bench.until()
  await bench.reply(at(1), answerOf('own', 2))
  await bench.reply(at(2), answerOf('two', 2, 7))
  t.equal(wait.receipt(), undefined)
  await bench.reply(at(3), answerOf('three', 2))
  t.match(wait.receipt(), { complete: true, replicas: { applied: 3, of: 3 }, workers: { applied: 6, of: 6 }, missing: [], notes: [], unknown: undefined })
  t.equal(bench.questions.length, 3, 'each was asked once')
  t.match(bench.questions[0], { query: { route: 'hello', epoch: '5', timeout: '4900ms' }, kind: 'wait' })
  t.equal(bench.listeners, 0)
  // The address of this replica is known now, and not asked.
  bench.questions.length = 0
  bench.until()
  await turns(5)
  t.equal(bench.questions.length, 2)
})

t.test('at the timeout it says who has not, and why', async t => {
  const bench = new Bench()
  bench.set(at(1), at(2), at(3), at(4))
  const wait = bench.until()
  await bench.reply(at(1), answerOf('one', 1))
  await bench.reply(at(2), answerOf('two', 0, 4))
  await bench.reply(at(3), { ok: false, fault: { kind: 'unproven', reason: 'its secret is another one' } })
  bench.clock.advance(5_000)
  await turns(5)
  t.match(wait.receipt(), {
    complete: false,
    replicas: { applied: 1, of: 5 },
    workers: { applied: 3, of: 6 },
    missing: [
      { name: 'weir-one', address: '10.0.0.1:9901', reason: '1 of its 2 workers apply it' },
      { name: 'weir-two', address: '10.0.0.2:9901', reason: 'it has not read the change from the store: it is at epoch 4' },
      { address: '10.0.0.3:9901', reason: 'its secret is another one' },
      { address: '10.0.0.4:9901', reason: 'it gave no answer within 5000 ms' }
    ]
  })
})

t.test('of one that says nothing in time it says what is known already', async t => {
  const bench = new Bench()
  bench.set(at(1))
  bench.book.failed(endpointKey(at(1)), { kind: 'unproven', reason: 'its secret is another one' })
  const wait = bench.until()
  bench.clock.advance(5_000)
  await turns(5)
  t.match(wait.receipt(), { complete: false, missing: [{ address: '10.0.0.1:9901', reason: 'its secret is another one' }] })
})

t.test('one that can\'t be asked is tried again', async t => {
  const bench = new Bench()
  bench.set(at(1))
  const wait = bench.until()
  await bench.reply(at(1), { ok: false, fault: { kind: 'absent', reason: 'nothing listens there' } })
  bench.clock.advance(100)
  await bench.reply(at(1), answerOf('one', 2))
  t.match(wait.receipt(), { complete: true, replicas: { applied: 2, of: 2 } })
})

t.test('one that goes or is not ready any more stops counting; one that comes has to have it too', async t => {
  const bench = new Bench()
  bench.set(at(1), at(2))
  const wait = bench.until()
  await turns(5)
  bench.set(at(3))
  bench.gone(at(1))
  bench.set(at(2, false))
  await turns(5)
  t.equal(wait.receipt(), undefined)
  await bench.reply(at(3), answerOf('three', 2))
  t.match(wait.receipt(), { complete: true, replicas: { applied: 2, of: 2 }, workers: { applied: 4, of: 4 }, missing: [] })
})

t.test('a replica that lacks a version of the change counts as having it, with a note; one that does not say what it has gets none', async t => {
  const bench = new Bench()
  bench.set(at(1), at(2), at(3))
  const wait = bench.until()
  const withNames = (id: string, names: readonly string[]): Reply => {
    const reply = answerOf(id, 2)
    if (!reply.ok || reply.answer.route === undefined) throw new Error('it is an answer about a route')
    return { ok: true, answer: { ...reply.answer, route: { ...reply.answer.route, names } } }
  }
  await bench.reply(at(1), withNames('one', ['v1', 'v3']))
  await bench.reply(at(2), withNames('two', ['v1', 'v2', 'v3']))
  await bench.reply(at(3), answerOf('three', 2))
  t.match(wait.receipt(), { complete: true, replicas: { applied: 4, of: 4 } })
  t.same(wait.receipt()?.notes, ['weir-one (10.0.0.1:9901) has no version "v2" of the route "hello": its configuration is another one'])
})

t.test('a replica without the route counts as having it, with a note; one with two addresses counts once', async t => {
  const bench = new Bench()
  bench.set(at(1), at(2), at(3))
  const wait = bench.until()
  await bench.reply(at(1), answerOf('one', undefined))
  await bench.reply(at(2), answerOf('two', 2))
  await bench.reply(at(3), answerOf('two', 2))
  t.match(wait.receipt(), { complete: true, replicas: { applied: 3, of: 3 }, notes: ['weir-one (10.0.0.1:9901) has no route "hello": its configuration is another one'] })
})

t.test('it does not vouch for replicas that are not known, and waits for those that are about to be', async t => {
  const bench = new Bench()
  bench.doubt = { reason: 'their EndpointSlices have not been read yet', waiting: true }
  const wait = bench.until()
  await turns(5)
  t.equal(wait.receipt(), undefined)
  bench.doubt = { reason: 'the API server said 403', waiting: false }
  bench.clock.advance(100)
  await turns(5)
  t.match(wait.receipt(), { complete: false, replicas: { applied: 1, of: 1 }, unknown: 'the API server said 403' })
  bench.doubt = undefined
  const second = bench.until()
  await turns(5)
  t.match(second.receipt(), { complete: true, replicas: { applied: 1, of: 1 } }, 'alone, and known to be')
})

t.test('the workers of this replica are waited for too', async t => {
  const bench = new Bench()
  const published = Promise.withResolvers<SplitReceipt>()
  const wait = bench.until(published.promise)
  await turns(5)
  t.equal(wait.receipt(), undefined)
  published.resolve({ workers: 2, applied: 1, tookMs: 5_000 })
  await turns(5)
  t.match(wait.receipt(), { complete: false, replicas: { applied: 0, of: 1 }, workers: { applied: 1, of: 2 } })
})

t.test('a hundred of them are asked at once', async t => {
  const bench = new Bench()
  const all = Array.from({ length: 100 }, (_, index) => at(index + 1))
  bench.set(...all)
  const wait = bench.until()
  await turns(5)
  t.equal(bench.questions.length, 100)
  for (const [index, endpoint] of all.entries()) await bench.reply(endpoint, answerOf(String(index), 2))
  t.match(wait.receipt(), { complete: true, replicas: { applied: 101, of: 101 }, workers: { applied: 202, of: 202 } })
})

t.test('when this replica stops it says at once how far the change has come, and waits for nobody', async t => {
  const bench = new Bench()
  bench.set(at(1), at(2))
  const wait = bench.until()
  await bench.reply(at(1), answerOf('one', 2))
  bench.clock.advance(800)
  await turns(5)
  t.equal(wait.receipt(), undefined)
  bench.stop.abort()
  await turns(5)
  t.match(wait.receipt(), {
    complete: false,
    replicas: { applied: 2, of: 3 },
    workers: { applied: 4, of: 4 },
    missing: [{ address: '10.0.0.2:9901', reason: 'it gave no answer within 800 ms' }],
    stopping: true
  })
  t.equal(bench.listeners, 0)
  const late = bench.until()
  await turns(5)
  t.match(late.receipt(), { complete: false, replicas: { applied: 1, of: 3 }, stopping: true }, 'a change that comes then too')
})
