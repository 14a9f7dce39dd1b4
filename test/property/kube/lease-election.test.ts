/**
 * The election of a holder, under anything that can happen to replicas, the API server and the Lease: two never hold it at once.
 */
import fc from 'fast-check'
import t from 'tap'
import { LeaseElection, type LeaseWrite } from '../../../src/kube/lease-election.ts'
import { leaseObject, readLease, type LeaseSpec } from '../../../src/kube/lease-record.ts'
import { propertyRuns } from '../../helpers/property-runs.ts'

/** An API server: one Lease, with resourceVersions. */
class Server {
  #revision = 0
  #uid = 0
  object: unknown

  get version (): string { return readLease(this.object).resourceVersion }

  /** @returns false for a conflict */
  write ({ over, spec }: LeaseWrite): boolean {
    if (over === undefined ? this.object !== undefined : this.object === undefined || over.resourceVersion !== this.version) return false
    this.put(spec)
    return true
  }

  put (spec: Partial<LeaseSpec>): void {
    if (this.object === undefined) this.#uid++
    const metadata = { name: 'weir', uid: String(this.#uid), resourceVersion: String(++this.#revision) }
    this.object = { ...Object(leaseObject('weir', spec as LeaseSpec, undefined)), metadata }
  }
}

/** A process: its clock shows what it likes, and runs as all others do. */
class Process {
  readonly name: string
  readonly skewMs: number
  readonly election: LeaseElection
  pausedUntilMs = 0
  looked = false

  constructor (name: string, skewMs: number, random: () => number) {
    this.name = name
    this.skewMs = skewMs
    this.election = new LeaseElection(name, random)
  }

  holds (nowMs: number): boolean {
    return this.election.holds(nowMs + this.skewMs)
  }
}

/** What becomes of a request: all is well, it is not heard of, its answer is not, or either comes late. */
type Fate = 'well' | 'lost' | 'answer lost' | 'late' | 'answer late'

interface Later {
  readonly atMs: number
  readonly run: () => void
}

type Act =
  | { readonly kind: 'look', readonly who: number, readonly fate: Fate, readonly lateMs: number }
  | { readonly kind: 'hear', readonly who: number }
  | { readonly kind: 'pause', readonly who: number, readonly ms: number }
  | { readonly kind: 'edit', readonly what: 'holder' | 'empty' | 'duration' | 'rubbish' | 'delete', readonly who: number }
  | { readonly kind: 'release', readonly who: number, readonly fate: Fate }
  | { readonly kind: 'restart', readonly who: number }

const REPLICAS = 3
const who = fc.nat(REPLICAS - 1)
const fate = fc.oneof({ arbitrary: fc.constant<Fate>('well'), weight: 6 }, { arbitrary: fc.constantFrom<Fate>('lost', 'answer lost', 'late', 'answer late'), weight: 2 })
const act: fc.Arbitrary<Act> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant('look' as const), who, fate, lateMs: fc.nat(20_000) }), weight: 30 },
  { arbitrary: fc.record({ kind: fc.constant('hear' as const), who }), weight: 10 },
  { arbitrary: fc.record({ kind: fc.constant('pause' as const), who, ms: fc.nat(40_000) }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('edit' as const), what: fc.constantFrom('holder' as const, 'empty' as const, 'duration' as const, 'rubbish' as const, 'delete' as const), who }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('release' as const), who, fate }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('restart' as const), who }), weight: 1 }
)
const acts = fc.array(fc.tuple(fc.oneof(fc.nat(300), fc.nat(6_000)), act), { minLength: 20, maxLength: 120, size: 'max' })

class World {
  readonly server = new Server()
  readonly processes: Process[] = []
  readonly #later: Later[] = []
  readonly #random: () => number
  #started = 0
  #deletedMs = -Infinity
  nowMs = 0
  /** How many have held it by now, one after the other. */
  readonly holders = new Set<string>()

  constructor (seed: number) {
    let state = seed
    this.#random = () => { state = (state * 48_271) % 2_147_483_647; return state / 2_147_483_647 }
    for (let index = 0; index < REPLICAS; index++) this.#start(index)
  }

  #start (index: number): void {
    const skewMs = this.#random() * 1e9
    this.processes[index] = new Process(`p${this.#started++}`, skewMs, this.#random)
  }

  /** When nothing is on its way any more that is so now. */
  get arrivedMs (): number {
    return Math.max(this.nowMs, ...this.#later.map(({ atMs }) => atMs))
  }

  /** Time goes on, and what is late arrives. */
  advance (ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      this.#later.sort((left, right) => left.atMs - right.atMs)
      const next = this.#later[0]
      if (next === undefined || next.atMs > endMs) break
      this.#later.shift()
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
      this.check()
    }
    this.nowMs = endMs
    this.check()
  }

  check (): void {
    const holding = this.processes.filter(process => process.holds(this.nowMs)).map(({ name }) => name)
    if (holding.length > 1) throw new Error(`at ${this.nowMs} ms ${holding.join(' and ')} hold it`)
    for (const name of holding) this.holders.add(name)
  }

  play (action: Act): void {
    const process = this.processes[action.who]
    if (process === undefined) throw new Error('no such process')
    switch (action.kind) {
      case 'look': return this.#look(process, action)
      case 'hear': return this.hear(process)
      case 'pause': process.pausedUntilMs = this.nowMs + action.ms; return
      case 'edit': return this.#edit(action.what, process)
      case 'release': {
        process.election.retire()
        const step = process.election.farewell(this.nowMs)
        if (step !== undefined && action.fate !== 'lost') this.server.write(step)
        return this.#start(action.who)
      }
      case 'restart': return this.#start(action.who)
    }
  }

  /** An event of its watch. */
  hear (process: Process): void {
    if (this.server.object === undefined) return process.election.doubt()
    process.looked = true
    process.election.observe(readLease(this.server.object), this.nowMs + process.skewMs)
  }

  /** One look of a replica that runs: a request, and what it does at once because of the answer. */
  #look (process: Process, { fate, lateMs }: Act & { readonly kind: 'look' }): void {
    if (process.pausedUntilMs > this.nowMs) return
    const step = process.election.decide(this.nowMs + process.skewMs, this.nowMs)
    if (step.type === 'write') return this.#write(process, step, { fate, lateMs })
    if (step.type === 'wait' || fate !== 'well') return
    const isFirst = !process.looked
    // The one thing that a Lease can't tell a Weir that starts: that there was one, some seconds ago.
    if (isFirst && this.server.object === undefined && this.nowMs - this.#deletedMs < 15_000) return
    process.looked = true
    process.election.observe(this.server.object === undefined ? undefined : readLease(this.server.object), this.nowMs + process.skewMs)
    if (isFirst) this.#look(process, { kind: 'look', who: 0, fate, lateMs })
  }

  #write (process: Process, step: LeaseWrite, { fate, lateMs }: { readonly fate: Fate, readonly lateMs: number }): void {
    const sentMs = this.nowMs
    let isWaiting = true
    const hear = (answer: () => void): void => {
      if (isWaiting) answer()
      isWaiting = false
    }
    const fail = (): void => { hear(() => { process.election.failed() }) }
    const arrive = (): void => {
      const made = this.server.write(step)
      const seen = readLease(this.server.object)
      const answer = (): void => {
        hear(() => {
          const known = process.election.record?.resourceVersion ?? 0
          if (!made) {
            process.election.failed()
            process.election.doubt()
          } else if (Number(seen.resourceVersion) >= Number(known)) {
            process.election.wrote(seen, sentMs + process.skewMs, this.nowMs + process.skewMs)
          }
        })
      }
      if (fate === 'answer lost') return
      if (fate === 'answer late') this.#later.push({ atMs: sentMs + lateMs, run: answer })
      else answer()
    }
    // The client gives it up, and the server may not have seen it yet.
    if (fate !== 'well') this.#later.push({ atMs: sentMs + 2_500, run: fail })
    if (fate === 'late') this.#later.push({ atMs: sentMs + lateMs, run: arrive })
    else if (fate !== 'lost') arrive()
  }

  #edit (what: (Act & { readonly kind: 'edit' })['what'], process: Process): void {
    const { object } = this.server
    if (object === undefined) return
    const record = readLease(object)
    const spec: LeaseSpec = { holderIdentity: record.holder, leaseDurationSeconds: record.durationMs / 1_000, acquireTime: record.acquireTime, renewTime: record.renewTime, leaseTransitions: record.transitions }
    switch (what) {
      case 'holder': return this.server.put({ ...spec, holderIdentity: process.name })
      case 'empty': return this.server.put({ ...spec, holderIdentity: '', leaseDurationSeconds: 15 })
      case 'duration': return this.server.put({ ...spec, leaseDurationSeconds: 100_000 })
      case 'rubbish': return this.server.put({ holderIdentity: 7, acquireTime: {}, leaseTransitions: -1 } as unknown as LeaseSpec)
      case 'delete':
        this.#deletedMs = this.nowMs
        this.server.object = undefined
    }
  }
}

t.test('two never hold it at once, whatever happens', async t => {
  const runs = propertyRuns(600)
  let held = 0
  let changes = 0
  fc.assert(fc.property(fc.integer({ min: 1, max: 2_000_000_000 }), acts, (seed, list) => {
    const world = new World(seed)
    for (const [ms, action] of list) {
      world.advance(ms)
      world.play(action)
      world.check()
    }
    if (world.holders.size > 0) held++
    if (world.holders.size > 1) changes++
  }), { numRuns: runs })
  t.ok(held > runs * 7 / 15, `somebody held it in ${held} of ${runs}`)
  t.ok(changes > runs / 15, `and another one after that in ${changes}`)
})

t.test('left alone, one of them gets it, whatever was before', async () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 2_000_000_000 }), acts, (seed, list) => {
    const world = new World(seed)
    for (const [ms, action] of list) {
      world.advance(ms)
      world.play(action)
    }
    for (const process of world.processes) process.pausedUntilMs = 0
    // Longest takes what was deleted, and what was edited to last for long; a write that arrives late begins a time of its own.
    const deadlineMs = world.arrivedMs + (readLease(world.server.object).durationMs > 15_000 ? 60_000 : 21_000)
    while (world.nowMs < deadlineMs) {
      world.advance(100)
      world.processes.forEach((process, index) => {
        const before = process.election.record?.resourceVersion
        if ((before ?? '') !== world.server.version) world.hear(process)
        world.play({ kind: 'look', who: index, fate: 'well', lateMs: 0 })
      })
      world.check()
      if (world.processes.some(process => process.holds(world.nowMs))) return
    }
    throw new Error('nobody holds it')
  }), { numRuns: propertyRuns(120) })
})
