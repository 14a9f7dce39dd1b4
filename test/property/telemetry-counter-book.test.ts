import fc from 'fast-check'
import t from 'tap'
import { CounterBook } from '../../src/telemetry/counter-book.ts'
import { SLOT, slotView } from '../../src/telemetry/counter-layout.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const QUARANTINE_MS = 1_000
const VERSIONS = ['a', 'b', 'c', 'd']
const WORKERS = [0, 1]
const FINISHED = SLOT.requestsByClass + 1

type Step =
  | { readonly type: 'begin', readonly worker: number, readonly version: string }
  | { readonly type: 'end', readonly worker: number }
  | { readonly type: 'retain', readonly versions: readonly string[] }
  | { readonly type: 'die', readonly worker: number }
  | { readonly type: 'wait', readonly ms: number }

const worker = fc.constantFrom(...WORKERS)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('begin' as const), worker, version: fc.constantFrom(...VERSIONS) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('end' as const), worker }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('retain' as const), versions: fc.shuffledSubarray(VERSIONS) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('die' as const), worker }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2 * QUARANTINE_MS }) }) }
)

/** One life of a version: what it must have counted. */
interface Ledger {
  readonly slot: number
  finished: number
}

interface OpenRequest {
  readonly worker: number
  readonly view: Float64Array
  readonly ledger: Ledger
}

/** The book beside a plain model of it. */
class Trial {
  readonly #clock = new FakeClock()
  readonly #book = new CounterBook(this.#clock, QUARANTINE_MS)
  readonly #live = new Map<string, Ledger>()
  readonly #removed = new Map<string, Ledger>()
  #open: OpenRequest[] = []

  constructor () {
    for (const worker of WORKERS) this.#book.addWorker(worker)
  }

  run (step: Step): void {
    switch (step.type) {
      case 'begin': return this.#begin(step.worker, step.version)
      case 'end': return this.#end(step.worker)
      case 'retain': return this.#retain(step.versions)
      case 'die': return this.#die(step.worker)
      case 'wait': this.#clock.advance(step.ms)
    }
  }

  /** No two versions share a slot, and each has counted and has in flight what it should. */
  holds (): boolean {
    const slots = [...this.#live].map(([version]) => this.#book.slotFor('r', version))
    return new Set(slots).size === slots.length && [...this.#live].every(([version, ledger]) => {
      const counters = this.#book.read('r', version)
      const inFlight = this.#open.filter(request => request.ledger === ledger).length
      return counters?.requestsByClass[1] === ledger.finished && counters.inFlight === inFlight
    })
  }

  #begin (worker: number, version: string): void {
    const ledger = this.#live.get(version)
    if (ledger === undefined) return
    const view = slotView(this.#book.segmentsOf(worker), ledger.slot)
    add(view, SLOT.inFlight, 1)
    this.#open.push({ worker, view, ledger })
  }

  /** The oldest request of the worker ends, which its version may not have lived to see. */
  #end (worker: number): void {
    const request = this.#open.find(open => open.worker === worker)
    if (request === undefined) return
    this.#open = this.#open.filter(open => open !== request)
    add(request.view, SLOT.inFlight, -1)
    add(request.view, FINISHED, 1)
    request.ledger.finished++
  }

  #die (worker: number): void {
    this.#book.removeWorker(worker)
    this.#book.addWorker(worker)
    this.#open = this.#open.filter(open => open.worker !== worker)
  }

  #retain (versions: readonly string[]): void {
    this.#book.retain(versions.map(version => ({ route: 'r', version })))
    for (const [version, ledger] of [...this.#live]) {
      if (versions.includes(version)) continue
      this.#live.delete(version)
      this.#removed.set(version, ledger)
    }
    for (const version of versions) if (!this.#live.has(version)) this.#live.set(version, this.#born(version))
  }

  /** A version that comes back goes on counting on its old slot, or starts anew at 0. */
  #born (version: string): Ledger {
    const slot = this.#book.slotFor('r', version)
    const before = this.#removed.get(version)
    const goesOn = before?.slot === slot && this.#book.read('r', version)?.requestsByClass[1] === before.finished
    return goesOn ? before : { slot, finished: 0 }
  }
}

function add (view: Float64Array, index: number, amount: number): void {
  view[index] = (view[index] ?? 0) + amount
}

t.test('whatever comes and goes, each version counts its own requests and loses none', t => {
  fc.assert(fc.property(fc.array(step, { maxLength: 80, size: 'max' }), steps => {
    const trial = new Trial()
    return steps.every(step => {
      trial.run(step)
      return trial.holds()
    })
  }), { numRuns: 500 })
  t.pass('500 histories')
  t.end()
})
