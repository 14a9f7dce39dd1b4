import t from 'tap'
import { DEFAULT_ANALYSIS } from '../../../src/analysis/analysis-settings.ts'
import { checkPlan, readPlan } from '../../../src/plans/read-plan.ts'
import { PRESET_STEPS } from '../../../src/plans/read-steps.ts'
import type { PlanFault, RolloutPlan } from '../../../src/plans/rollout-plan.ts'
import { writePlan } from '../../../src/plans/write-plan.ts'

const weights = { stable: 100, canary: 0 }
const three = { stable: 100, canary: 0, third: 0 }

function planOf (plain: unknown, facts: Parameters<typeof readPlan>[1] = { weights }): RolloutPlan {
  const reading = readPlan(plain, facts)
  if (!reading.ok) throw new Error(reading.faults.map(({ place, message }) => `${place} ${message}`).join('; '))
  return reading.plan
}

function faultsOf (plain: unknown, facts: Parameters<typeof readPlan>[1] = { weights }): readonly PlanFault[] {
  const reading = readPlan(plain, facts)
  if (reading.ok) throw new Error('it has no fault')
  return reading.faults
}

t.test('nothing given is a canary of the version without weight', async t => {
  t.same(planOf(undefined), {
    preset: 'canary', from: 'stable', to: 'canary', steps: PRESET_STEPS.canary, onSuccess: 'promote', watchMs: 600_000, analysis: DEFAULT_ANALYSIS
  })
})

t.test('a plan as in the issue', async t => {
  const plan = planOf({
    to: 'canary',
    from: 'stable',
    preset: 'canary',
    steps: [
      { setWeight: 5 }, { analyse: { for: '2m' } }, { pause: { duration: '10m' } }, { pause: {} }, { setWeight: 50 },
      { analyse: { requests: 5000, onUndecided: 'fail' } }, { ramp: { to: 90, over: '30s' } }, { awaitEndpoints: {} }
    ],
    analysis: {
      failureStatuses: ['5xx', 429, '400-404'], slowerThan: '300ms', maxErrorIncrease: '0.5%', maxSlowIncrease: 0.1, maxErrorShare: 'off', warmup: '5s'
    },
    onSuccess: 'keep',
    watch: '0s'
  })
  t.same(plan.steps, [
    { kind: 'set-weight', weight: 5 },
    { kind: 'analyse', forMs: 120_000, requests: null, onUndecided: 'wait' },
    { kind: 'pause', durationMs: 600_000 },
    { kind: 'pause', durationMs: null },
    { kind: 'set-weight', weight: 50 },
    { kind: 'analyse', forMs: null, requests: 5000, onUndecided: 'fail' },
    { kind: 'ramp', to: 90, overMs: 30_000 },
    { kind: 'await-endpoints' }
  ])
  t.match(plan, { onSuccess: 'keep', watchMs: 0 })
  t.same(plan.analysis, {
    ...DEFAULT_ANALYSIS,
    failureStatuses: [[500, 599], [429, 429], [400, 404]],
    slowerThanMs: 300,
    maxErrorIncrease: 0.005,
    maxSlowIncrease: 0.1,
    maxErrorShare: null,
    warmupMs: 5_000
  })
  t.same(planOf(writePlan(plan)), plan, 'and it is read back as it is written')
})

t.test('a ramp alone, blue/green, and their faults', async t => {
  t.same(planOf({ ramp: { to: 100, over: '10m' } }).steps, [{ kind: 'ramp', to: 100, overMs: 600_000 }])
  t.same(planOf({ preset: 'blue-green' }).steps, [{ kind: 'await-endpoints' }, { kind: 'set-weight', weight: 100 }])
  t.match(faultsOf({ ramp: { to: 100, over: '10m' }, steps: [{ setWeight: 5 }] }), [{ place: 'ramp', message: /beside `steps`/ }])
  t.match(faultsOf({ ramp: { to: 0, over: '10m' } }), [{ place: 'ramp.to', message: /already: 0 %/ }])
  t.match(faultsOf({ to: 'canary', ramp: { to: 20, over: '10m' } }, { weights: { stable: 70, canary: 30 } }), [{ place: 'ramp.to', message: /down from 30 % to 20 %/ }])
})

t.test('versions that are not named are those that they can only be', async t => {
  const pair = (plain: unknown, of: Record<string, number>) => {
    const { from, to } = planOf(plain, { weights: of })
    return [from, to]
  }
  t.same(pair({}, { blue: 0, green: 7 }), ['green', 'blue'], 'blue and green alternate')
  t.same(pair({ to: 'green', preset: 'blue-green' }, { blue: 1, green: 1 }), ['blue', 'green'])
  t.same(pair({ from: 'green', preset: 'blue-green' }, { blue: 1, green: 1 }), ['green', 'blue'])
  t.same(pair({ to: 'third' }, three), ['stable', 'third'])
  t.match(faultsOf({}, { weights: three }), [{ place: 'to', message: /is missing: name the version.*"stable", "canary", "third"/ }])
  t.match(faultsOf({}, { weights: { blue: 1, green: 1 } }), [{ place: 'from', message: /more than one version has a weight/ }, { place: 'to' }])
  t.match(faultsOf({ to: 'third' }, { weights: { stable: 1, canary: 1, third: 0 } }), [{ place: 'from', message: /is missing/ }])
  t.match(faultsOf({ to: 'nobody', from: 'stable' }), [{ place: 'to', message: /must be a version of the route: "stable", "canary", not "nobody"/ }])
  t.match(faultsOf({ to: 'stable', from: 'stable' }), [{ place: 'to', message: 'is the same version as `from`' }])
  t.match(faultsOf({ to: 'constructor' }), [{ place: 'to' }])
  t.match(faultsOf({ to: 7 }), [{ place: 'to', message: /not 7/ }])
})

t.test('what is not given is as in the configuration', async t => {
  const defaults = {
    from: 'stable', to: 'canary', steps: [{ setWeight: 10 }], analysis: { maxFailures: 5, slowerThan: '1s' }, watch: '3m', onSuccess: 'keep'
  }
  t.match(planOf(undefined, { weights, defaults }), { steps: [{ weight: 10 }], watchMs: 180_000, onSuccess: 'keep', analysis: { maxFailures: 5 } })
  const other = planOf({ ramp: { to: 50, over: '1m' }, analysis: { maxFailures: 9 } }, { weights, defaults })
  t.match(other, { steps: [{ kind: 'ramp' }], watchMs: 180_000, analysis: { maxFailures: 9, slowerThanMs: 1_000 } })
  t.match(planOf({ preset: 'blue-green' }, { weights, defaults }), { preset: 'blue-green', steps: PRESET_STEPS['blue-green'] })
  t.match(planOf({ to: 'stable' }, { weights: { stable: 0, canary: 1 }, defaults }), { from: 'canary', to: 'stable' })
  t.match(planOf({ to: 'third' }, { weights: { stable: 1, canary: 1, third: 0 }, defaults }), { from: 'stable', to: 'third' })
})

t.test('a version that has all already is one fault, whatever the steps are', async t => {
  for (const plan of [{ to: 'stable' }, { to: 'stable', steps: [{ setWeight: 5 }, { analyse: { for: '1m' } }] }, { preset: 'blue-green', to: 'stable' }]) {
    t.match(faultsOf(plan), [{ place: 'to', message: /^has all that "canary" and "stable" share already/ }])
    t.equal(faultsOf(plan).length, 1)
  }
})

t.test('every fault is told at once, with its place and the remedy', async t => {
  t.match(faultsOf({
    too: 'canary',
    steps: [
      { setWeigth: 5 }, { setWeight: 5, pause: {} }, {}, 7, { setWeight: 101 }, { setWeight: '5%' }, { pause: { duration: '0s' } }, { pause: null },
      { analyse: {} }, { analyse: { for: '0s' } }, { analyse: { requests: 0 } }, { analyse: { for: 120 } }, { analyse: { for: '1m', onUndecided: 'maybe' } },
      { ramp: { over: '1m' } }, { ramp: { to: 5 } }, { setWeight: Number.NaN }, { analyze: { for: '1m' } }
    ],
    onSuccess: 'promoted',
    watch: 10,
    preset: 'rainbow',
    analysis: {
      alpha: 0,
      passAlpha: 1,
      maxErrorIncrease: 2,
      maxSlowIncrease: '200%',
      slowerThan: '0s',
      warmup: 5,
      maxErrorShare: 'none',
      maxFailures: 0.5,
      minRequests: -1,
      silence: '0s',
      failureStatuses: [99, '6xx', '404-400', null],
      maxErrors: 1
    }
  }).map(({ place, message }) => `${place} ${message}`), [
    /^too is not known here; did you mean to\?/,
    /^preset must be "canary" or "blue-green" or "a-b", not "rainbow"/,
    /^onSuccess must be "promote" or "keep", not "promoted"; did you mean promote\?/,
    /^watch must be a duration: a whole number and a unit, such as 30s, 10m or 1h, not 10/,
    /^analysis\.maxErrors is not known here; did you mean maxError/,
    /^analysis\.failureStatuses\[0\] must be a status from 200 to 599.*not 99/,
    /^analysis\.failureStatuses\[1\] .*not "6xx"/,
    /^analysis\.failureStatuses\[2\] .*not "404-400"/,
    /^analysis\.failureStatuses\[3\] .*not null/,
    /^analysis\.alpha must be a number from 1e-9 to 0.5, not 0/,
    /^analysis\.passAlpha /,
    /^analysis\.maxErrorIncrease must be a share from 0.0001 to 1, or a percentage in quotes such as "0.5%", not 2/,
    /^analysis\.maxSlowIncrease .*not "200%"/,
    /^analysis\.slowerThan must be longer than 0s/,
    /^analysis\.warmup must be a duration/,
    /^analysis\.maxErrorShare /,
    /^analysis\.maxFailures must be a whole number from 1/,
    /^analysis\.minRequests /,
    /^analysis\.silence must be longer than 0s/,
    /^steps\[0\]\.setWeigth is no kind of step; did you mean setWeight\?/,
    /^steps\[1\] has `setWeight` and `pause`; a step is one of them/,
    /^steps\[2\] is empty; write one of `awaitEndpoints`/,
    /^steps\[3\] must be a mapping with one of .*not 7/,
    /^steps\[4\]\.setWeight must be 0, or a number from 0.001 to 100.*not 101/,
    /^steps\[5\]\.setWeight .*not "5%"/,
    /^steps\[6\]\.pause\.duration must be longer than 0s/,
    /^steps\[7\]\.pause must be a mapping with `duration`, not null/,
    /^steps\[8\]\.analyse needs `for`, such as 2m, or `requests`/,
    /^steps\[9\]\.analyse\.for must be longer than 0s/,
    /^steps\[10\]\.analyse\.requests must be a whole number from 1/,
    /^steps\[11\]\.analyse\.for must be a duration.*not 120/,
    /^steps\[12\]\.analyse\.onUndecided must be "wait" or "pass" or "fail", not "maybe"/,
    /^steps\[13\]\.ramp\.to must be 0, or a number/,
    /^steps\[14\]\.ramp\.over must be a duration/,
    /^steps\[15\]\.setWeight .*not NaN/,
    /^steps\[16\]\.analyze is no kind of step; did you mean analyse\?/
  ])
})

const beta = { headers: [{ name: 'X-Beta', value: '1' }] }

t.test('copies of requests are enough to analyse before anybody is on the new version', async t => {
  const plan = planOf({ steps: [{ mirror: { percent: 10 } }, { analyse: { requests: 500 } }, { mirror: null }, { setWeight: 5 }], analysis: { maxDifferent: '1%' } })
  t.same(plan.steps.map(({ kind }) => kind), ['mirror', 'analyse', 'mirror', 'set-weight'])
  t.equal(plan.analysis.maxDifferent, 0.01)
  t.equal(planOf({ steps: [{ setWeight: 5 }] }).analysis.maxDifferent, null)
  const without = faultsOf({ steps: [{ mirror: { percent: 0 } }, { analyse: { for: '1m' } }, { setWeight: 5 }] })
  t.match(without, [{ place: 'steps[1].analyse', message: /put a `setWeight` before it, or a `mirror` that copies/ }])
  const behind = faultsOf({ steps: [{ mirror: { percent: 5 } }, { mirror: null }, { analyse: { for: '1m' } }, { setWeight: 5 }] })
  t.match(behind, [{ place: 'steps[2].analyse', message: /nothing to compare/ }])
})

t.test('a match and a mirror are steps, read back as they are written', async t => {
  const plan = planOf({
    steps: [
      { setMatch: beta }, { mirror: { percent: 12.5 } }, { pause: {} }, { setMatch: [{ alwaysNever: { cookie: 'canary' } }, { path: { prefix: '/beta' }, methods: ['GET'] }] },
      { mirror: null }, { setWeight: 100 }, { setMatch: null }
    ]
  })
  t.same(plan.steps[0], { kind: 'set-match', match: { match: [{ headers: [{ name: 'X-Beta', test: { kind: 'exact', value: '1' } }], cookies: [], query: [], methods: [] }], alwaysNever: [] } })
  t.same(plan.steps[1], { kind: 'mirror', mirror: { percent: 12.5 } })
  t.match(plan.steps[3], { match: { alwaysNever: [{ by: 'cookie', name: 'canary' }], match: [{ path: { kind: 'prefix', value: '/beta' }, methods: ['GET'] }] } })
  t.same(planOf(writePlan(plan)), plan)
})

t.test('blue/green with a preview, and an a-b', async t => {
  t.match(planOf({ preset: 'blue-green', preview: beta }).steps, [
    { kind: 'await-endpoints' }, { kind: 'set-match', match: { match: { length: 1 } } }, { kind: 'pause', durationMs: null }, { kind: 'set-weight', weight: 100 }
  ])
  const compared = planOf({ preset: 'a-b', for: '30m', match: beta })
  t.match(compared, { onSuccess: 'keep', watchMs: 0, steps: [{ kind: 'set-match' }, { kind: 'analyse', forMs: 1_800_000, onUndecided: 'pass' }] })
  t.same(planOf(writePlan(compared)), compared)
  t.match(planOf({ preset: 'a-b', to: 'canary' }, { weights: { stable: 50, canary: 50 } }), { steps: PRESET_STEPS['a-b'], onSuccess: 'keep' })
  const defaults = { steps: [{ setWeight: 10 }], watch: '3m', onSuccess: 'promote' }
  t.match(planOf({ preset: 'a-b' }, { weights, defaults }), { watchMs: 0, onSuccess: 'keep' }, 'a release ends otherwise')
  t.match(planOf({ preset: 'canary' }, { weights, defaults: { preset: 'a-b', for: '1h', match: beta, watch: '1m' } }), { watchMs: 600_000, steps: PRESET_STEPS.canary })
  t.match(faultsOf({ preset: 'a-b', preview: beta }), [{ place: 'preview', message: /option of the preset `blue-green`, not of `a-b`/ }])
  t.match(faultsOf({ for: '1h', match: beta }), [{ place: 'for', message: /`a-b`/ }, { place: 'match', message: /`a-b`/ }])
  t.match(faultsOf({ preset: 'a-b', for: '1h', steps: [{ setWeight: 5 }] }), [{ place: 'for', message: /has its own/ }])
})

t.test('every fault of a match is told, with its place', async t => {
  const entry = (condition: object): object => ({ setMatch: condition })
  t.match(faultsOf({
    steps: [
      entry([]), entry([{}, 7]), entry({ headers: [] }), entry({ headers: [{ name: 'a b' }] }), entry({ cookies: [{ name: 'c', value: '1', prefix: '2' }] }),
      entry({ query: [{ name: '' }] }), entry({ path: {} }), entry({ host: { value: 'Beta.example' } }), entry({ methods: 'GET' }),
      entry({ alwaysNever: { header: 'x', cookie: 'y' } }), entry({ alwaysNever: { header: 'x' }, methods: ['GET'] }), entry({ headers: [{ name: 'X-Weir-Version' }] }),
      entry({ path: { value: '/\n' } }), entry({ path: { prefix: 'x'.repeat(2_000) } }), entry({ header: [] }), { mirror: {} }, { mirror: { percent: 101 } }, { mirror: 10 },
      entry({ path: { value: 'a' } }), entry({ query: [{ name: 'a&b' }] }), entry({ alwaysNever: { cookie: 'Weir_Version' } }), entry({ cookies: [{ name: 'a', prefix: '1;' }] })
    ]
  }).map(({ place, message }) => `${place} ${message}`), [
    /^steps\[0\]\.setMatch must have 1 to 32 entries, not 0/,
    /^steps\[1\]\.setMatch\[0\] has no condition/,
    /^steps\[1\]\.setMatch\[1\] must be a mapping with/,
    /^steps\[2\]\.setMatch\.headers must be a list of 1 to 16/,
    /^steps\[3\]\.setMatch\.headers\[0\]\.name must be the name of a header field/,
    /^steps\[4\]\.setMatch\.cookies\[0\] has `value` and `prefix`; give one/,
    /^steps\[5\]\.setMatch\.query\[0\]\.name must be the name of a query parameter/,
    /^steps\[6\]\.setMatch\.path must have `value`, `prefix` or `regex`/,
    /^steps\[7\]\.setMatch\.host\.value can never match: hosts are compared in lower case/,
    /^steps\[8\]\.setMatch\.methods must be a list/,
    /^steps\[9\]\.setMatch\.alwaysNever must name one/,
    /^steps\[10\]\.setMatch\.alwaysNever stands beside/,
    /^steps\[11\]\.setMatch\.headers\[0\]\.name is that of an override/,
    /^steps\[12\]\.setMatch\.path\.value can never match/,
    /^steps\[13\]\.setMatch\.path\.prefix must be a text of 1 to 1024 characters/,
    /^steps\[14\]\.setMatch\.header is not known here; did you mean headers/,
    /^steps\[14\]\.setMatch has no condition/,
    /^steps\[15\]\.mirror\.percent must be a number from 0 to 100/,
    /^steps\[16\]\.mirror\.percent must be a number from 0 to 100, not 101/,
    /^steps\[17\]\.mirror must be a mapping with `percent`, not 10/,
    /^steps\[18\]\.setMatch\.path\.value can never match: a path begins with/,
    /^steps\[19\]\.setMatch\.query\[0\]\.name can never match: the name of a parameter/,
    /^steps\[20\]\.setMatch\.alwaysNever\.cookie is that of an override/,
    /^steps\[21\]\.setMatch\.cookies\[0\]\.prefix can never match: the value of a cookie/
  ])
})

t.test('what no request brings is refused, and its beginning', async t => {
  const bad = {
    headers: [{ value: ' 1' }, { value: '1 ' }, { prefix: '\t1' }],
    cookies: [{ value: 'a;b' }, { prefix: ' a' }],
    query: [{ value: 'a&b' }, { value: 'a b' }, { prefix: '#' }],
    path: [{ value: '/a?b' }, { prefix: '/a b' }],
    host: [{ prefix: 'Beta' }, { value: 'beta.example:80' }]
  }
  const good = { headers: [{ value: 'a b' }, { prefix: 'a ' }, { value: '' }, { regex: ' a' }], query: [{ value: 'a+b' }], path: [{ prefix: '/a' }], host: [{ prefix: 'beta.' }, { regex: 'B' }] }
  const stepsOf = (conditions: Readonly<Record<string, readonly object[]>>) => Object.entries(conditions).flatMap(([key, tests]) =>
    tests.map(test => ({ setMatch: key === 'path' || key === 'host' ? { [key]: test } : { [key]: [{ name: 'x', ...test }] } })))
  const steps = stepsOf(bad)
  t.same(faultsOf({ steps: [...steps, { setWeight: 5 }] }).map(({ message }) => message.slice(0, 15)), steps.map(() => 'can never match'))
  t.equal(planOf({ steps: [...stepsOf(good), { setWeight: 5 }] }).steps.length, stepsOf(good).length + 1)
  t.match(faultsOf({ steps: [{ setMatch: { methods: ['GET', 'post'] } }, { setWeight: 5 }] }), [{ place: 'steps[0].setMatch.methods[1]', message: /is not POST/ }])
})

const ORDER: ReadonlyArray<readonly [string, unknown, string, RegExp]> = [
  ['a weight that goes down', { steps: [{ setWeight: 50 }, { setWeight: 20 }] }, 'steps[1].setWeight', /goes down from 50 % to 20 %/],
  ['a ramp that goes down', { steps: [{ setWeight: 50 }, { ramp: { to: 20, over: '1m' } }] }, 'steps[1].ramp.to', /goes down from 50 % to 20 %/],
  ['a step that changes nothing', { steps: [{ setWeight: 50 }, { setWeight: 50 }] }, 'steps[1].setWeight', /already: 50 %; remove/],
  ['a weight behind 100 %', { steps: [{ setWeight: 100 }, { setWeight: 100 }] }, 'steps[1].setWeight', /comes after 100 %/],
  ['an analysis behind 100 %', { steps: [{ ramp: { to: 100, over: '1m' } }, { analyse: { for: '1m' } }] }, 'steps[1].analyse', /comes after 100 %.*`watch`/],
  ['endpoints awaited behind 100 %', { steps: [{ setWeight: 100 }, { awaitEndpoints: {} }] }, 'steps[1].awaitEndpoints', /comes after/],
  ['an analysis of nobody', { steps: [{ analyse: { for: '1m' } }, { setWeight: 5 }] }, 'steps[0].analyse', /nothing to compare/],
  ['an analysis at 0 %', { steps: [{ setWeight: 0 }, { analyse: { for: '1m' } }, { setWeight: 5 }] }, 'steps[1].analyse', /nothing to compare/],
  ['an a-b until there are requests of nobody', { preset: 'a-b', steps: [{ setMatch: { path: { value: '/' } } }, { analyse: { requests: 9, onUndecided: 'pass' } }] }, 'steps[1].analyse', /never ends.*give `for`/],
  ['an a-b until there is a pass of nobody', { preset: 'a-b', steps: [{ setMatch: { path: { value: '/' } } }, { analyse: { for: '1h' } }] }, 'steps[1].analyse', /can never pass.*`onUndecided: pass`/],
  ['an analysis within the warm-up', { analysis: { warmup: '2m' }, steps: [{ setWeight: 5 }, { pause: { duration: '1m' } }, { analyse: { for: '1m', onUndecided: 'fail' } }] }, 'steps[2].analyse', /can only fail/],
  ['steps that move nothing', { onSuccess: 'keep', steps: [{ pause: {} }] }, 'steps', /move nothing/],
  ['a match taken away that nobody has set', { steps: [{ setMatch: null }, { setWeight: 5 }] }, 'steps[0].setMatch', /no step before it has set one/],
  ['a mirror behind 100 %', { steps: [{ setWeight: 100 }, { mirror: { percent: 5 } }] }, 'steps[1].mirror', /comes after 100 %/],
  ['no steps', { steps: [] }, 'steps', /at least one step/],
  ['steps that are no list', { steps: { setWeight: 5 } }, 'steps', /must be a list of steps/],
  ['too many steps', { steps: Array.from({ length: 101 }, (_, index) => ({ setWeight: index })) }, 'steps', /at most 100 steps, not 101/]
]

for (const [name, plan, place, message] of ORDER) {
  t.test(`${name} is refused`, async t => {
    t.match(faultsOf(plan), [{ place, message }])
    t.equal(faultsOf(plan).length, 1)
    t.match(checkPlan(plan, ['stable', 'canary']), name.includes('of nobody') ? [] : [{ place, message }], 'in the configuration too')
  })
}

t.test('a pause may stand behind 100 %, and an analysis first where the new version has a share', async t => {
  t.equal(planOf({ steps: [{ setWeight: 100 }, { pause: {} }] }).steps.length, 2)
  t.equal(planOf({ to: 'canary', steps: [{ analyse: { for: '1m' } }, { setWeight: 50 }] }, { weights: { stable: 90, canary: 10 } }).steps.length, 2)
  t.match(faultsOf({ to: 'canary', preset: 'canary' }, { weights: { stable: 80, canary: 20 } }), [{ place: 'preset', message: /goes down from 20 % to 5 %/ }])
})

t.test('a plan of the configuration may leave its versions to each start', async t => {
  t.same(checkPlan({}, ['blue', 'green']), [])
  t.same(checkPlan({ preset: 'blue-green' }, ['a', 'b', 'c']), [])
  t.match(checkPlan({ to: 'd' }, ['a', 'b']), [{ place: 'to', message: /must be a version of the route: "a", "b", not "d"/ }])
  t.match(checkPlan({ from: 'a' }, ['a', 'b', 'c']), [{ place: 'from', message: /of no use without `to`/ }])
  t.match(checkPlan({}, ['a']), [{ place: '', message: /two versions/ }])
  t.match(checkPlan([], ['a', 'b']), [{ place: '', message: /must be a mapping with .*not a list/ }])
})

t.test('hostile plans are read in a moment, and told of in a few words', async t => {
  const bomb = JSON.parse(`{"__proto__": {"to": "canary"}, "constructor": 1, ${Array.from({ length: 20_000 }, (_, index) => `"k${index}": 1`).join()}}`) as unknown
  const faults = faultsOf(bomb)
  t.ok(faults.length <= 20)
  t.match(faults[0], { place: '__proto__', message: /not known/ })
  t.equal(planOf(Object.create({ to: 'stable', from: 'nobody' })).to, 'canary', 'what a prototype has is not read')
  const long = faultsOf({ to: 'x'.repeat(5_000_000), watch: '9'.repeat(5_000_000), steps: new Array(1e6) })
  t.ok(JSON.stringify(long).length < 1_000)
  const many = faultsOf({ steps: Array.from({ length: 100 }, () => ({ a: 1, b: 2, c: 3, d: 4 })) })
  t.match(many.at(-1), { place: '', message: /has 200 more faults/ })
})
