/**
 * What all replicas together have of a route, and when a version may be scaled down.
 */
import t from 'tap'
import { type Endpoint, endpointKey } from '../../../src/core/endpoint.ts'
import { ClusterFacts } from '../../../src/replicas/cluster-facts.ts'
import type { PeerFault } from '../../../src/replicas/peer-client.ts'
import { ReplicaBook } from '../../../src/replicas/replica-book.ts'
import type { ReplicaAnswer, RouteFacts } from '../../../src/replicas/replica-facts.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const at = (last: number, ready = true): Endpoint => ({ address: `10.0.0.${last}`, port: 9901, ready, serving: ready, terminating: false })

interface Counts {
  readonly epoch?: number
  readonly requests?: number
  readonly recent?: number
  readonly inFlight?: number
  readonly why?: readonly string[]
}

function routeOf ({ epoch = 5, requests = 0, recent = 0, inFlight = 0, why = [] }: Counts): RouteFacts {
  const idle = { weight: 0, requests: 0, recent: 0, inFlight: 0, tunnels: 0, held: 0, why: [] }
  return { epoch, workers: 2, all: epoch, versions: new Map([['v1', { ...idle, requests, recent, inFlight, why }], ['v2', { ...idle, recent: 10 }]]) }
}

const answerOf = (id: string, route: RouteFacts | undefined): ReplicaAnswer =>
  ({ id, name: `weir-${id}`, version: '0.1.0', startedAt: '', ready: true, workers: 2, routes: new Map(), route })

/** Replicas by the last number of their address. */
function factsWith (own: Counts, replicas: ReadonlyArray<readonly [Endpoint, ReplicaAnswer | PeerFault]>, unknown?: string) {
  const answers = new Map(replicas.map(([endpoint, reply]) => [endpointKey(endpoint), reply]))
  const book = new ReplicaBook(new FakeClock(), { facts: () => answerOf('own', undefined), routes: () => new Map() })
  for (const [endpoint] of replicas) book.put(endpoint)
  const asked: string[] = []
  const facts = new ClusterFacts({
    own: { id: 'own', route: name => name === 'hello' ? routeOf(own) : undefined },
    book,
    members: {
      all: () => replicas.map(([endpoint]) => endpoint),
      doubt: () => unknown === undefined ? undefined : { reason: unknown, waiting: false }
    },
    client: {
      ask: async (place, { query, timeoutMs }) => {
        asked.push(`${place.address} ${query['route'] ?? ''} ${timeoutMs}`)
        await Promise.resolve()
        const reply = answers.get(endpointKey(place))
        if (reply === undefined) throw new Error('nobody is there')
        return 'kind' in reply ? { ok: false, fault: reply } : { ok: true, answer: reply }
      }
    }
  })
  return { facts, asked, book }
}

t.test('counts are summed, shares are of all requests, and safe is what is safe everywhere', async t => {
  const { facts, asked } = factsWith({ requests: 10, recent: 10 }, [
    [at(1), answerOf('own', routeOf({}))],
    [at(2), answerOf('two', routeOf({ requests: 7, recent: 20, inFlight: 2, why: ['2 requests are in flight'] }))],
    [at(3, false), answerOf('three', routeOf({ requests: 1 }))]
  ])
  const route = await facts.route('hello')
  t.match(route, { replicas: { answered: 3, of: 3 }, missing: [], unknown: undefined })
  t.strictSame(route?.versions, [
    { name: 'v1', requests: 18, share: 30 / 60, inFlight: 2, tunnels: 0, held: 0, safe: false, why: ['replica weir-two (10.0.0.2:9901): 2 requests are in flight'] },
    { name: 'v2', requests: 0, share: 30 / 60, inFlight: 0, tunnels: 0, held: 0, safe: true, why: [] }
  ])
  t.same(asked, ['10.0.0.1 hello 300', '10.0.0.2 hello 300', '10.0.0.3 hello 300'])
  asked.length = 0
  await facts.route('hello')
  t.same(asked, ['10.0.0.2 hello 300', '10.0.0.3 hello 300'], 'itself it knows now')
  t.equal(await facts.route('unknown'), undefined)
})

t.test('who does not answer is named, and nothing is safe without it', async t => {
  const { facts, book } = factsWith({}, [
    [at(2), { kind: 'silent', reason: 'it gave no answer within 300 ms' }],
    [at(3, false), { kind: 'silent', reason: 'it gave no answer within 300 ms' }],
    [at(4, false), { kind: 'absent', reason: 'nothing listens there' }],
    [at(5), { kind: 'absent', reason: 'nothing listens there' }]
  ])
  book.answered(endpointKey(at(2)), answerOf('two', undefined))
  const route = await facts.route('hello')
  t.same(route?.replicas, { answered: 1, of: 4 }, 'where nothing listens and nothing is ready, no Weir runs')
  t.same(route?.missing.map(({ name, address }) => [name, address]), [['weir-two', '10.0.0.2:9901'], [undefined, '10.0.0.3:9901'], [undefined, '10.0.0.5:9901']])
  t.match(route?.versions[1], {
    safe: false,
    why: [
      'replica weir-two (10.0.0.2:9901) did not answer: it gave no answer within 300 ms', 'replica 10.0.0.3:9901 did not answer: it gave no answer within 300 ms',
      'replica 10.0.0.5:9901 did not answer: nothing listens there'
    ]
  })
})

t.test('others that are not known may have anything in flight', async t => {
  const { facts } = factsWith({}, [], 'the API server said 403')
  t.match(await facts.route('hello'), {
    replicas: { answered: 1, of: 1 }, unknown: 'the API server said 403', versions: [{ safe: false, why: ['the other replicas are not all known: the API server said 403'] }, {}]
  })
})

t.test('a replica with older weights may send clients where no weight is any more; one without the route has none', async t => {
  const { facts } = factsWith({ epoch: 6 }, [[at(2), answerOf('two', routeOf({ epoch: 5 }))], [at(3), answerOf('three', undefined)]])
  const route = await facts.route('hello')
  t.match(route?.versions[1], { safe: false, why: ['replica weir-two (10.0.0.2:9901): it has the weights of epoch 5, and the newest are those of 6'] })
  t.same(route?.replicas, { answered: 3, of: 3 })
})

t.test('a replica with two addresses counts once, and who asks at the same time is answered by one question', async t => {
  const { facts, asked } = factsWith({}, [[at(2), answerOf('two', routeOf({ requests: 3 }))], [at(3), answerOf('two', routeOf({ requests: 3 }))]])
  t.match(await facts.route('hello'), { replicas: { answered: 2, of: 2 }, versions: [{ requests: 3 }, {}] })
  asked.length = 0
  await Promise.all(Array.from({ length: 50 }, async () => await facts.route('hello')))
  t.equal(asked.length, 4, 'one that runs, and one for all who came after it began')
})
