import t from 'tap'
import { type ProcessTable, watchNpm } from '../../../src/runtime/npm-watch.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const ENV = { npm_execpath: '/usr/lib/node_modules/npm/bin/npm-cli.js' }

/** npm (10) → a shell (20) → the quickstart (30) → Weir, under somebody's shell (5). */
function family (): { readonly alive: Set<number>, readonly table: ProcessTable, parent: number } {
  const tree = new Map([
    [30, { parent: 20, command: 'node\0quickstart.ts\0' }],
    [20, { parent: 10, command: 'sh\0-c\0node quickstart.ts\0' }],
    [10, { parent: 5, command: 'npm start\0\0' }],
    [5, { parent: 1, command: 'bash\0' }]
  ])
  const alive = new Set(tree.keys())
  const state = {
    alive,
    parent: 30,
    table: {
      parent: () => state.parent,
      lookUp: (pid: number) => alive.has(pid) ? tree.get(pid) : undefined,
      isAlive: (pid: number) => alive.has(pid)
    }
  }
  return state
}

for (const [what, pid] of [['npm', 10], ['the shell between', 20], ['the quickstart', 30]] as const) {
  t.test(`the end of ${what} is noticed, once`, async t => {
    const clock = new FakeClock()
    const { alive, table } = family()
    let gone = 0
    watchNpm({ env: ENV, clock, table, onGone: () => { gone++ } })
    clock.advance(10_000)
    t.equal(gone, 0)
    alive.delete(pid)
    clock.advance(10_000)
    t.equal(gone, 1)
    t.equal(clock.pending, 0)
  })
}

t.test('another parent means that the one before is gone, on systems that tell no more too', async t => {
  const clock = new FakeClock()
  const state = family()
  state.alive.clear()
  let gone = 0
  watchNpm({ env: ENV, clock, table: state.table, onGone: () => { gone++ } })
  clock.advance(10_000)
  t.equal(gone, 0)
  state.parent = 1
  clock.advance(1_000)
  t.equal(gone, 1)
})

t.test('what is above npm may end, and nothing is watched that npm has not started', async t => {
  const clock = new FakeClock()
  const { alive, table } = family()
  const stop = watchNpm({ env: ENV, clock, table, onGone: () => { t.fail('npm is there') } })
  watchNpm({ env: {}, clock, table, onGone: () => { t.fail('it is not watched') } })
  alive.delete(5)
  clock.advance(10_000)
  t.equal(clock.pending, 1)
  stop()
  t.equal(clock.pending, 0)
})
