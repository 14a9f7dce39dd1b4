import t from 'tap'
import { ByteAccount, ByteBudget } from '../../../src/net/byte-budget.ts'
import type { Deadlined, Sheddable } from '../../../src/net/deadlines.ts'
import { MemoryWatch, shedMemory, STUCK_MS } from '../../../src/worker/memory-watch.ts'
import { WORKER, WORKER_LENGTH } from '../../../src/telemetry/counter-layout.ts'

const NOW_MS = 100_000

/** A connection of which only its memory is known. */
class Kept implements Deadlined {
  deadlineMs = 0
  deadlineIndex = -1
  closed = false
  readonly #account: ByteAccount
  readonly #facts: Omit<Sheddable, 'bytes'>

  constructor (budget: ByteBudget, bytes: number, facts: Partial<Sheddable>) {
    this.#account = new ByteAccount(budget)
    this.#account.set(bytes)
    this.#facts = { rank: 2, movedMs: 0, ...facts }
  }

  onDeadline (): void {}
  sheddable (): Sheddable | undefined { return this.#account.bytes === 0 ? undefined : { ...this.#facts, bytes: this.#account.bytes } }

  shed (): void {
    this.closed = true
    this.#account.close()
    if (this.#facts.movedMs === -1) throw new Error('a defect')
  }
}

function setUp (members: ReadonlyArray<readonly [bytes: number, facts: Partial<Sheddable>]>) {
  const budget = new ByteBudget(1_000, () => {})
  const kept = members.map(([bytes, facts]) => new Kept(budget, bytes, facts))
  const defects: unknown[] = []
  const context = {
    budget,
    deadlines: { snapshot: () => kept },
    page: new Float64Array(WORKER_LENGTH),
    reportDefect: (error: unknown) => { defects.push(error) }
  }
  return {
    context,
    budget,
    defects,
    closed: () => kept.flatMap(({ closed }, index) => closed ? [index] : []),
    count: () => context.page[WORKER.shedConnections]
  }
}

t.test('beyond the limit the idle go first, then those that wait, then the largest, until it is enough', async t => {
  const order = setUp([[400, {}], [500, {}], [50, { rank: 1, movedMs: NOW_MS }], [60, { rank: 1, movedMs: NOW_MS }], [10, { rank: 0 }]])
  shedMemory(order.context, NOW_MS)
  t.same(order.closed(), [2, 3, 4], 'no more than it takes')
  t.equal(order.budget.used, 900)
  t.equal(order.count(), 2, 'nobody misses an idle connection to an endpoint')
  const largest = setUp([[400, {}], [500, {}], [450, {}]])
  shedMemory(largest.context, NOW_MS)
  t.same(largest.closed(), [1])
})

t.test('one that can not be closed without a defect does not keep the others', async t => {
  const { context, closed, defects } = setUp([[600, { movedMs: -1 }], [500, {}], [450, {}]])
  shedMemory(context, NOW_MS)
  t.same([closed(), defects.length], [[0, 1], 1])
})

t.test('while requests are refused, only the idle and the stuck go', async t => {
  const still = { movedMs: NOW_MS - STUCK_MS }
  const { context, closed, budget } = setUp([
    [300, { ...still }],
    [200, { rank: 1, movedMs: NOW_MS - STUCK_MS + 1 }],
    [200, { rank: 1, ...still }],
    [100, { rank: 0 }]
  ])
  shedMemory(context, NOW_MS)
  t.same(closed(), [2, 3])
  t.equal(budget.used, 500)
  const below = setUp([[749, { rank: 1, ...still }]])
  shedMemory(below.context, NOW_MS)
  t.same(below.closed(), [], 'below the mark nobody does')
})

t.test('a worker looks once a second, tells its bytes, and says what was shed since it last said so', async t => {
  const { context, budget, closed } = setUp([[400, { rank: 1, movedMs: 5_000 }], [400, {}]])
  const watch = new MemoryWatch(context)
  t.equal(watch.tick(6_000), undefined)
  t.same([context.page[WORKER.bufferedBytes], context.page[WORKER.bufferedBytesLimit]], [800, 1_000])
  t.equal(watch.tick(6_999), undefined)
  t.equal(watch.tick(7_000)?.['closedConnections'], 1)
  t.same([closed(), budget.used], [[0], 400])
  context.page[WORKER.shedRequests] = 3
  t.match(watch.tick(7_100), {
    refusedRequests: 3,
    closedConnections: 0,
    bufferedBytes: 400,
    maxBufferedBytes: 1_000,
    remedy: /limits\.maxBufferedBytes/
  })
  t.equal(watch.tick(7_200), undefined)
})
