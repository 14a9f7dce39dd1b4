/**
 * The order of a reload, and what each part is told when any step of any part fails.
 */
import t from 'tap'
import { PrepareTimeoutError, Reload } from '../../../src/control/reload.ts'
import type { Participant } from '../../../src/core/prepared-change.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const PARTS = ['first', 'second', 'third'] as const

/** Three parts of which the second stores something. @param fails the step that throws, as `part step` */
function setUp (fails = '') {
  const clock = new FakeClock()
  /** Parts that do not get ready before this resolves. */
  const waits = new Map<string, Promise<void>>()
  const steps: string[] = []
  const defects: string[] = []
  const step = (name: string): void => {
    steps.push(name)
    if (name === fails) throw new Error(`${name} fails`)
  }
  const participants = PARTS.map((name): Participant<string> => ({
    name,
    prepare: async config => {
      await waits.get(name)
      step(`${name} prepare`)
      return {
        ...(name === 'second' ? { persist: async () => { step(`${name} persist ${config}`) } } : {}),
        commit: () => { step(`${name} commit`) },
        settle: () => { step(`${name} settle`) },
        discard: () => { step(`${name} discard`) }
      }
    }
  }))
  const reload = new Reload({
    clock,
    participants,
    together: work => {
      steps.push('[')
      work()
      steps.push(']')
    },
    onDefect: (part, error) => { defects.push(`${part}: ${String(error)}`) }
  })
  return { reload, clock, waits, steps, defects }
}

const PREPARED = PARTS.map(name => `${name} prepare`)
const COMMITTED = PARTS.map(name => `${name} commit`)
const SETTLED = ['[', ...PARTS.map(name => `${name} settle`), ']']
const DISCARDED = ['third discard', 'second discard', 'first discard']

t.test('all prepare, then it is stored, then all of it is put in force, then it is told together', async t => {
  const { reload, steps } = setUp()
  t.equal(await reload.run('x', () => true), true)
  t.same(steps, [...PREPARED, 'second persist x', ...COMMITTED, ...SETTLED])
})

t.test('from the first commit to the last settle is one turn', async t => {
  const { reload, steps } = setUp()
  const running = reload.run('x', () => true)
  while (!steps.includes('first commit')) await Promise.resolve()
  t.equal(steps.at(-1), ']')
  await running
})

for (const [fails, before, discarded] of [
  ['first prepare', ['first prepare'], []],
  ['second prepare', PREPARED.slice(0, 2), DISCARDED.slice(2)],
  ['third prepare', PREPARED, DISCARDED.slice(1)],
  ['second persist x', [...PREPARED, 'second persist x'], DISCARDED],
  ['first commit', [...PREPARED, 'second persist x', ...COMMITTED.slice(0, 1)], DISCARDED],
  ['second commit', [...PREPARED, 'second persist x', ...COMMITTED.slice(0, 2)], DISCARDED],
  ['third commit', [...PREPARED, 'second persist x', ...COMMITTED], DISCARDED]
] as const) {
  t.test(`when "${fails}" fails, those that have prepared are discarded, and nothing is told`, async t => {
    const { reload, steps, defects } = setUp(fails)
    await t.rejects(reload.run('x', () => true), new Error(`${fails} fails`))
    t.same(steps, [...before, ...discarded])
    t.same(defects, [])
  })
}

t.test('one that is not wanted any more stores nothing and is discarded', async t => {
  const { reload, steps } = setUp()
  t.equal(await reload.run('x', () => false), false)
  t.same(steps, [...PREPARED, ...DISCARDED])
})

t.test('a part that can\'t tell, or can\'t go back, does not keep the others from it', async t => {
  const telling = setUp('second settle')
  t.equal(await telling.reload.run('x', () => true), true)
  t.same(telling.steps.slice(-5), SETTLED)
  t.same(telling.defects, ['second: Error: second settle fails'])
  const unwanted = setUp('second discard')
  await unwanted.reload.run('x', () => false)
  t.same(unwanted.steps.slice(-3), DISCARDED)
  t.same(unwanted.defects, ['second: Error: second discard fails'])
})

t.test('a part that does not get ready in time gives the reload up, which names it, and does not keep the next one out', async t => {
  const { reload, clock, waits, steps, defects } = setUp()
  const { promise, resolve } = Promise.withResolvers<void>()
  waits.set('second', promise)
  const hanging = t.rejects(reload.run('x', () => true), { message: /^the part "second" was not ready after 30 s/ })
  await new Promise(setImmediate)
  clock.advance(29_999)
  await new Promise(setImmediate)
  t.same(steps, ['first prepare'])
  clock.advance(1)
  await hanging
  t.same(steps, ['first prepare', 'first discard'])

  steps.length = 0
  waits.clear()
  t.equal(await reload.run('y', () => true), true)
  t.same(steps, [...PREPARED, 'second persist y', ...COMMITTED, ...SETTLED])
  t.equal(clock.pending, 0, 'nobody waits any more')

  steps.length = 0
  resolve()
  while (steps.length < 2) await new Promise(setImmediate)
  t.same(steps, ['second prepare', 'second discard'], 'what comes too late is discarded')
  t.same(defects, [])
})

t.test('who has timed out tells of its end, be it a failure', async t => {
  const { reload, clock, waits, steps } = setUp('first prepare')
  const { promise, resolve } = Promise.withResolvers<void>()
  waits.set('first', promise)
  const running = reload.run('x', () => true).catch((error: unknown) => error)
  clock.advance(30_000)
  const error = await running
  if (!(error instanceof PrepareTimeoutError)) throw new Error('it has not timed out')
  t.match(error.message, /"first" was not ready after 30 s/)
  resolve()
  await error.ended
  t.same(steps, ['first prepare'], 'there is nothing to discard')
})
