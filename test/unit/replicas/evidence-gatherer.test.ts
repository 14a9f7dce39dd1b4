/** The leader of a rollout asks all other replicas once a second for what they have seen, whatever each of them answers, or does not. */
import t from 'tap'
import { DEFAULT_ANALYSIS } from '../../../src/analysis/analysis-settings.ts'
import { Analysis } from '../../../src/analysis/analysis.ts'
import { emptyCounts } from '../../../src/analysis/side-counts.ts'
import type { EvidenceReport, SideCounts } from '../../../src/contract/rollout-watch.ts'
import { endpointKey } from '../../../src/core/endpoint.ts'
import { EvidenceGatherer, type LedRollout } from '../../../src/replicas/evidence-gatherer.ts'
import type { PeerClient, PeerFault } from '../../../src/replicas/peer-client.ts'
import { readReplicaAnswer } from '../../../src/replicas/replica-facts.ts'
import { writeToldEvidence } from '../../../src/replicas/told-evidence.ts'
import { type EvidenceReading, RolloutEvidence } from '../../../src/rollout/rollout-evidence.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const READING: EvidenceReading = { shareOf: () => 0.25, nowMs: 0 }
const NONE: SideCounts = emptyCounts()
const seen = (requests: number): EvidenceReport => ({ cohorts: [{ epoch: 2, from: NONE, to: { ...NONE, requests } }], signs: [], heavy: [], dropped: 0 })
const evidence = (book: string): RolloutEvidence => new RolloutEvidence({
  settings: DEFAULT_ANALYSIS, createAnalysis: (...args) => new Analysis(...args), before: undefined, book
}, 0)

/** A replica in memory: what it has seen, and how it answers. */
class Peer {
  readonly id: string
  lives = 1
  evidence: RolloutEvidence
  asked = 0
  /** The endpoints that it was told to eject. */
  readonly blamed: string[] = []
  /** Answers that are made and never arrive. */
  lose = 0
  /** Instead of its answer, or what becomes of it. */
  spoil: ((answer: Readonly<Record<string, unknown>>) => unknown) | PeerFault | undefined
  /** Resolves when it answers. */
  held: Promise<void> | undefined

  constructor (id: string) {
    this.id = id
    this.evidence = evidence(`${id}.1`)
  }

  see (requests: number): void { this.evidence.add(seen(requests), 'worker 0', READING) }

  /** Its process is another one. */
  restart (): void { this.evidence = evidence(`${this.id}.${++this.lives}`) }

  async answer (query: Readonly<Record<string, string>>): Promise<unknown> {
    this.asked++
    if (query['blamed'] !== undefined) this.blamed.push(query['blamed'])
    const { spoil } = this
    await this.held
    const told = this.evidence.tell({ source: query['source'], after: Number(query['after'] ?? 0) }, 0)
    const answer = { id: this.id, name: this.id, workers: 1, routes: {}, route: null, ...(told === undefined ? {} : { evidence: writeToldEvidence(told) }) }
    if (this.lose > 0) {
      this.lose--
      return { kind: 'silent', reason: 'it gave no answer within 900 ms' }
    }
    return typeof spoil === 'function' ? JSON.parse(JSON.stringify(spoil(answer))) : spoil ?? JSON.parse(JSON.stringify(answer))
  }
}

class Bench {
  readonly clock = new FakeClock()
  readonly own = new Peer('own')
  readonly peers: readonly Peer[]
  readonly led: Array<LedRollout & { readonly evidence: RolloutEvidence }> = []
  readonly gatherer: EvidenceGatherer
  doubt: string | undefined
  blamed: string | undefined

  constructor (names: readonly string[], rollouts = 1) {
    this.peers = names.map(name => new Peer(name))
    const endpoints = [this.own, ...this.peers].map((_, index) => ({ address: `10.0.0.${index + 1}`, port: 9_901, ready: true, serving: true, terminating: false }))
    const known = new Map(endpoints.map((endpoint, index) => [endpointKey(endpoint), index]))
    const client: Pick<PeerClient, 'ask'> = {
      ask: async (place, { query }) => {
        const answer = await [this.own, ...this.peers][known.get(endpointKey(place)) ?? 0]?.answer(query)
        if (typeof answer === 'object' && answer !== null && 'kind' in answer) return { ok: false, fault: answer as PeerFault } // as the peer has it
        const read = readReplicaAnswer(answer)
        return read === undefined ? { ok: false, fault: { kind: 'odd', reason: 'its answer can\'t be read' } } : { ok: true, answer: read }
      }
    }
    for (let index = 0; index < rollouts; index++) this.led.push(this.#lead(`r${index}`))
    this.gatherer = new EvidenceGatherer({
      clock: this.clock,
      members: { all: () => endpoints, doubt: () => this.doubt === undefined ? undefined : { reason: this.doubt, waiting: false } },
      client,
      book: {
        isSelf: () => false,
        factsOf: key => key.startsWith('10.0.0.2') ? { id: 'b', name: 'weir-b', version: '', startedAt: '', ready: true, workers: 1 } : undefined
      },
      ownId: 'own',
      led: () => this.led
    })
    this.gatherer.start()
  }

  #lead (id: string): LedRollout & { readonly evidence: RolloutEvidence } {
    const own = evidence(`own.${id}`)
    own.lead(null, READING)
    const blamed = (): string | undefined => this.blamed
    return {
      get blamed () { return blamed() },
      route: 'hello',
      id,
      evidence: own,
      coverage: undefined,
      pageOf: book => own.pageOf(book),
      take: (told, after) => { own.take(told, after, { ...READING, nowMs: this.clock.nowMs() }) }
    }
  }

  async pass (seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.clock.advance(1_000)
      for (let turn = 0; turn < 5; turn++) await new Promise<void>(resolve => { setImmediate(resolve) })
    }
  }

  get requests (): number {
    const facts = { nowMs: this.clock.nowMs(), usedTo: ['10.0.0.1:80'], inFlightTo: 0, shareTo: 0.25, slowestFromMs: 0, isPrompt: true }
    return this.led[0]?.evidence.judge(facts).to.requests ?? Number.NaN
  }

  get coverage () { return this.led[0]?.coverage }
}

t.test('what all have seen comes in once, and who is asked is counted', async t => {
  const bench = new Bench(['b', 'c'])
  const [b, c] = bench.peers
  b?.see(5)
  c?.see(7)
  await bench.pass(1)
  t.equal(bench.requests, 12)
  t.match(bench.coverage, { replicas: 1, of: 4, missing: [{}, { name: 'weir-b', reason: 'it has not answered yet' }, {}] }, 'before the first answers, of its own address too')
  b?.see(11)
  await bench.pass(2)
  t.equal(bench.requests, 23)
  t.same(bench.coverage, { replicas: 3, of: 3, missing: [] })
  t.equal(bench.own.asked, 1, 'its own address is found out, and not asked again')
  t.equal(c?.asked, 4, 'once a second, and once for the name of its book')
  bench.doubt = 'their EndpointSlices are not watched'
  await bench.pass(1)
  t.match(bench.coverage, { replicas: 3, unknown: 'their EndpointSlices are not watched' })
  bench.gatherer.stop()
  t.equal(bench.clock.pending, 0)
})

t.test('each is told of the endpoint that the evidence of all blames, as long as it does', async t => {
  const bench = new Bench(['b', 'c'])
  await bench.pass(1)
  bench.blamed = '10.0.1.7:80'
  await bench.pass(2)
  bench.blamed = undefined
  await bench.pass(1)
  for (const peer of bench.peers) t.same(peer.blamed, ['10.0.1.7:80', '10.0.1.7:80'])
  bench.gatherer.stop()
})

t.test('a lost answer loses nothing, a restart takes nothing twice', async t => {
  const bench = new Bench(['b'])
  const [b] = bench.peers
  if (b === undefined) return
  let expected = 0
  for (let second = 0; second < 40; second++) {
    b.see(second)
    expected += second
    b.lose = second % 3
    await bench.pass(1)
    if (second % 10 !== 9) continue
    b.lose = 0
    await bench.pass(1)
    t.equal(bench.requests, expected)
    b.restart()
  }
  b.see(1)
  await bench.pass(1)
  t.equal(bench.requests, expected + 1)
  bench.gatherer.stop()
})

t.test('another leader begins with the page that is stored', async t => {
  const first = new Bench(['b'])
  const [b] = first.peers
  const [rollout] = first.led
  if (b === undefined || rollout === undefined) return
  b.see(5)
  await first.pass(1)
  t.equal(first.requests, 5)
  const stored = rollout.evidence.stored() ?? null
  b.see(7)
  await first.pass(1)
  t.equal(first.requests, 12)
  const second = new Bench(['b'])
  const [next] = second.led
  const [same] = second.peers
  if (next === undefined || same === undefined) return
  same.evidence = b.evidence
  next.evidence.lead(stored, READING)
  await second.pass(3)
  t.equal(second.requests, 12)
  first.gatherer.stop()
  second.gatherer.stop()
})

t.test('who is silent, of an older Weir, or answers anything else is left out and named, and nobody waits for it', async t => {
  const bench = new Bench(['b', 'c'])
  const [b, c] = bench.peers
  if (b === undefined || c === undefined) return
  const huge = { source: 'b.1', upTo: 1, hasMore: false, cohorts: [[2, [0, 0, 0, 0, 0, 0, 0], [1e300, 1e300, 0, 0, 0, 0, 0]]], endpoints: [], signs: [], dropped: 0, seen: '', heavy: [], inFlightTo: 0 }
  const odd: ReadonlyArray<readonly [Peer['spoil'], RegExp]> = [
    [{ kind: 'silent', reason: 'it gave no answer within 900 ms' }, /no answer within/],
    [{ kind: 'odd', reason: 'its answer is longer than 524288 bytes' }, /longer than/],
    [answer => ({ ...answer, evidence: undefined }), /an older Weir/],
    [answer => ({ ...answer, evidence: null }), /does not run there/],
    [answer => ({ ...answer, evidence: huge }), /can't be read/],
    [answer => ({ ...answer, evidence: { ...huge, cohorts: [], upTo: -1 } }), /can't be read/],
    [() => [], /can't be read/]
  ]
  for (const [spoil, reason] of odd) {
    b.spoil = spoil
    c.see(1)
    await bench.pass(8)
    t.match(bench.coverage, { replicas: 2, of: 3, missing: [{ name: 'weir-b', address: '10.0.0.2:9901', reason }] })
  }
  t.equal(bench.requests, odd.length)
  const { promise, resolve } = Promise.withResolvers<void>()
  b.spoil = undefined
  b.held = promise
  const asked = b.asked
  c.see(1)
  await bench.pass(8)
  t.equal(b.asked, asked + 1, 'who has not answered is not asked again')
  t.equal(bench.requests, odd.length + 1)
  resolve()
  b.held = undefined
  b.see(100)
  await bench.pass(2)
  t.same(bench.coverage, { replicas: 3, of: 3, missing: [] })
  t.equal(bench.requests, odd.length + 101)
  bench.gatherer.stop()
})

t.test('who always has another book, or always more, is asked a few times a second', async t => {
  const bench = new Bench(['b', 'c'])
  const [b, c] = bench.peers
  if (b === undefined || c === undefined) return
  let books = 0
  const empty = { hasMore: true, cohorts: [], endpoints: [], signs: [], dropped: 0, seen: '', heavy: [], inFlightTo: 0 }
  b.spoil = answer => ({ ...answer, evidence: { ...empty, source: `b.${++books}`, upTo: books } })
  c.spoil = answer => ({ ...answer, evidence: { ...empty, source: 'c.1', upTo: c.asked } })
  await bench.pass(10)
  t.ok(b.asked <= 80 && c.asked <= 80, `${b.asked} and ${c.asked}`)
  bench.gatherer.stop()
})

t.test('of many rollouts some are asked for each second, and all in turn; without any nobody is asked', async t => {
  const bench = new Bench(['b'], 50)
  const [b] = bench.peers
  b?.see(1)
  await bench.pass(1)
  t.equal(bench.led.filter(({ coverage }) => coverage === undefined).length, 0)
  t.equal(b?.asked, 64, '32 of them, twice')
  await bench.pass(3)
  const known = bench.led.map(({ evidence: own }) => own.pageOf('b.1'))
  t.same(new Set(known), new Set([1]), 'each has it by now')
  bench.led.length = 0
  const asked = b?.asked
  await bench.pass(5)
  t.equal(b?.asked, asked)
  bench.gatherer.stop()
})
