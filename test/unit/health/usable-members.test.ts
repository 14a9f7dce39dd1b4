import t from 'tap'
import { EndpointHealth } from '../../../src/health/endpoint-health.ts'
import { usableMembers } from '../../../src/health/version-health.ts'

const ejection = { cause: 'consecutive-failures', sinceMs: 0, untilMs: 10, detail: '' } as const

/** One member for each letter: `u`p, `e`jected, `c`heck failed, `b`oth. */
function members (states: string) {
  return [...states].map((state, index) => {
    const health = new EndpointHealth(`10.0.0.${index}:80`)
    if (state === 'e' || state === 'b') health.eject(ejection, 1)
    if (state === 'c' || state === 'b') health.applyCheck('r v', { healthy: false, sinceMs: 0, detail: '' }, 0)
    return { state, health }
  })
}

function used (states: string, threshold: number): string {
  const { members: chosen, panic } = usableMembers(members(states), threshold)
  return chosen.map(({ state }) => state).join('') + (panic ? '!' : '')
}

t.test('the available ones are used, in their order', async t => {
  t.equal(used('ueuuc', 0.5), 'uuu')
  const all = members('uuu')
  t.equal(usableMembers(all, 0.5).members, all, 'nothing is copied when nothing is left out')
})

t.test('below the threshold all are used', async t => {
  t.equal(used('ue', 0.5), 'u', 'half is not below the half')
  t.equal(used('uec', 0.5), 'uec!')
  t.equal(used('e', 0.5), 'e!')
  t.equal(used('uuue', 1), 'uuue!')
})

t.test('without a threshold failed checks can empty a version, ejections cannot', async t => {
  t.equal(used('cc', 0), '')
  t.equal(used('eeu', 0), 'u')
  t.equal(used('ecb', 0), 'e')
  t.equal(used('bb', 0), '')
})

t.test('no members is no panic', async t => {
  t.equal(used('', 1), '')
})

/** As above; capital letters are near. Those that are used, then those that are used where none of these can take a request. */
function usedNear (states: string, threshold = 0.5): string {
  const all = members(states.toLowerCase())
  const near = new Set(all.filter((_, index) => /[A-Z]/.test(states[index] ?? '')))
  const { members: chosen, wider, panic } = usableMembers(all, threshold, near)
  const text = (list: typeof all): string => list.map(member => near.has(member) ? member.state.toUpperCase() : member.state).join('')
  return `${text([...chosen])} ${text([...wider])}${panic ? '!' : ''}`
}

t.test('the near ones are used alone while they carry their share', async t => {
  t.equal(usedNear('UuUu'), 'UU UuUu')
  t.equal(usedNear('UUUEuuu'), 'UUU UUUuuu', 'three of four carry it')
  t.equal(usedNear('UUEuuu'), 'UUuuu UUuuu', 'two of three do not')
  t.equal(usedNear('UEuu'), 'Uuu Uuu')
  t.equal(usedNear('Euu'), 'uu uu', 'the only near one is bad')
  t.equal(usedNear('Cuu'), 'uu uu', 'or fails its check')
  t.equal(usedNear('UUe', 0), 'UU UU', 'nobody else is available')
})

t.test('in panic, and without an available one, all places are equal', async t => {
  t.equal(usedNear('Ueee'), 'Ueee Ueee!')
  t.equal(usedNear('Eeee', 0), 'Eeee Eeee')
  t.equal(usedNear('Cec', 0), 'e e')
})

t.test('when all are near nothing is copied', async t => {
  const all = members('uuu')
  const { members: chosen, wider } = usableMembers(all, 0.5, new Set(all))
  t.equal(chosen, all)
  t.equal(wider, all)
})
