/** The options of a rollout's plan, as `routes[].rollout` has them. src/plans reads them, there and in requests. */
import Type from 'typebox'
import { DEFAULT_ANALYSIS } from '../analysis/analysis-settings.ts'
import { DURATION_PATTERN, formatDuration } from '../core/duration.ts'
import { ERROR_LEVELS, HIGHEST_STATUS, INCREASES, LOWEST_STATUS, MAX_RANGES, MAX_REQUESTS } from '../plans/read-analysis.ts'
import { DEFAULT_WATCH_MS } from '../plans/read-plan.ts'
import { MATCH_BOUNDS } from '../plans/read-match.ts'
import { MAX_ANALYSED, MAX_STEPS } from '../plans/read-steps.ts'
import { NAME_PATTERN, PERCENTAGE_PATTERN, STATUSES_PATTERN } from './patterns.ts'

const strict = { additionalProperties: false } as const

const version = (description: string) => Type.Optional(Type.String({ pattern: NAME_PATTERN, description }))
const time = (description: string) => Type.String({ pattern: DURATION_PATTERN, description })
const timeOr = (description: string, standardMs: number) =>
  Type.String({ pattern: DURATION_PATTERN, description, default: formatDuration(standardMs) })
const share = (description: string, standard: number) => Type.Union([
  Type.Number({ minimum: INCREASES.least, maximum: INCREASES.most }), Type.String({ pattern: PERCENTAGE_PATTERN })
], { description, default: standard })
const limitOr = (standard: number | 'off', description: string) => Type.Union([
  Type.Number({ minimum: INCREASES.least, maximum: INCREASES.most }), Type.String({ pattern: PERCENTAGE_PATTERN }), Type.Literal('off')
], { description, default: standard })
const errorLevel = (description: string, standard: number) =>
  Type.Number({ minimum: ERROR_LEVELS.least, maximum: ERROR_LEVELS.most, description, default: standard })
const count = (description: string, standard: number) =>
  Type.Integer({ minimum: 1, maximum: MAX_REQUESTS, description, default: standard })

const shareOfBoth = (description: string) => Type.Number({ minimum: 0, maximum: 100, description })

const RampSchema = (description: string) => Type.Object({
  to: shareOfBoth('The percentage at its end.'),
  over: time('How long it takes.')
}, { ...strict, description })

/** What an entry may be is checked by the reader of steps, which names every fault; a mapping is all that the schema asks for. */
const MATCH_ENTRY = Type.Unsafe<Record<string, unknown>>({ type: 'object' })

const match = (description: string) => Type.Union([
  Type.Array(MATCH_ENTRY, { minItems: 1, maxItems: MATCH_BOUNDS.entries }), MATCH_ENTRY
], { description: `${description}, written as \`versions[].match\`.` })

const StepSchema = Type.Union([
  Type.Object({
    awaitEndpoints: Type.Object({}, { ...strict, description: 'Waits until the new version has endpoints that are used. Written as `{}`.' })
  }, strict),
  Type.Object({
    setWeight: shareOfBoth('Gives the new version this percentage of what both versions have, in one epoch.')
  }, strict),
  Type.Object({
    ramp: RampSchema('Moves the new version there every second, evenly.')
  }, strict),
  Type.Object({
    pause: Type.Object({
      duration: Type.Optional(time('How long; without it, until somebody resumes.'))
    }, { ...strict, description: 'Waits. Written as `{}` it waits for a person.' })
  }, strict),
  Type.Object({
    analyse: Type.Object({
      for: Type.Optional(time('At least so long.')),
      requests: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_ANALYSED, description: 'At least so many requests of the new version, counted from the beginning of the step.' })),
      onUndecided: Type.Optional(Type.Union([Type.Literal('wait'), Type.Literal('pass'), Type.Literal('fail')], { description: 'What it means when there is no pass by then: `wait` for one, which is the default, or take it for a `pass` or a `fail`.' }))
    }, { ...strict, description: 'Waits for the verdict: it lasts as long as `for` and `requests` say, of which it needs one, and ends by a pass. A fail ends the rollout at any time, in every step.' })
  }, strict),
  Type.Object({
    setMatch: Type.Union([match('Requests that get the new version whatever the weights say'), Type.Null()], { description: 'Takes the place of the match that the new version has in the configuration; `null` gives that one back.' })
  }, strict),
  Type.Object({
    mirror: Type.Union([
      Type.Object({ percent: Type.Number({ minimum: 0, maximum: 100, description: 'Of the clients.' }) }, strict), Type.Null()
    ], { description: 'Copies the requests of this share of the clients to the new version, in place of the mirror that the route has in the configuration; `null` gives that one back, `{ percent: 0 }` makes no copies.' })
  }, strict)
])

const AnalysisSchema = Type.Object({
  failureStatuses: Type.Array(Type.Union([
    Type.Integer({ minimum: LOWEST_STATUS, maximum: HIGHEST_STATUS }), Type.String({ pattern: STATUSES_PATTERN })
  ]), { default: ['5xx'], maxItems: MAX_RANGES, description: 'The statuses that count as failures: `429`, `"400-404"`, `"5xx"`. Gateway errors, resets and timeouts always do; what the client gave up and what Weir itself refused never does.' }),
  alpha: errorLevel('How likely a version that is no worse may be failed, in one rollout, however often one looks.', DEFAULT_ANALYSIS.alpha),
  passAlpha: errorLevel('How likely a version that is worse by more than is allowed may pass.', DEFAULT_ANALYSIS.passAlpha),
  maxErrorIncrease: share('By how much the share of failures may exceed that of the old version: `0.005` or `"0.5%"` is half a percentage point.', DEFAULT_ANALYSIS.maxErrorIncrease),
  maxSlowIncrease: share('The same for slow answers.', DEFAULT_ANALYSIS.maxSlowIncrease),
  slowerThan: Type.Optional(time('A good answer that took longer is slow; by default, longer than the old version\'s own 99th percentile of earlier windows.')),
  warmup: timeOr('So much of the beginning is left out of the verdict, not of the guards.', DEFAULT_ANALYSIS.warmupMs),
  maxErrorShare: limitOr(DEFAULT_ANALYSIS.maxErrorShare ?? 'off', 'A guard: the share of failures above which the new version fails where the old one has no traffic, and above which both are said to fail. `off` leaves it out.'),
  maxDifferent: limitOr(DEFAULT_ANALYSIS.maxDifferent ?? 'off', 'Of copies of requests (`mirror`): the share that may be answered differently. `off`: differences are shown, and judge nothing.'),
  maxFailures: count('A guard, the blast cap: so many failed requests beyond those that the old version would have had, and the new version is out.', DEFAULT_ANALYSIS.maxFailures),
  minRequests: count('With fewer requests of the new version `maxErrorShare` does not judge.', DEFAULT_ANALYSIS.minRequests),
  silence: timeOr('A guard: a version that gets requests and answers none for so long has failed. It waits for twice the time of the old version\'s slowest answers; where all of several endpoints stop at once, a third of it is enough.', DEFAULT_ANALYSIS.silenceMs)
}, { ...strict, description: 'By what the new version is judged beside the old one.' })

export const RolloutPlanSchema = Type.Object({
  from: version('The version that is replaced. By default the other one of two, or the only one that has a weight.'),
  to: version('The version that comes. By default the other one of two; then blue goes to green and later green to blue, without an edit.'),
  preset: Type.Union([Type.Literal('canary'), Type.Literal('blue-green'), Type.Literal('a-b')], { default: 'canary', description: 'The steps of a plan that has neither `steps` nor `ramp`. `canary`: 5 %, 25 % and 50 %, each with an analysis (2m, 2m, 5m). `blue-green`: wait for the endpoints, then all at once; with `preview`, not before somebody resumes. `a-b`: both are compared for a time, and nothing moves.' }),
  steps: Type.Optional(Type.Array(StepSchema, { minItems: 1, maxItems: MAX_STEPS, description: 'What happens, in this order. A weight only goes up; behind 100 % only pauses may come.' })),
  for: Type.Optional(time('With the preset `a-b`: how long both versions are compared; 1h by default.')),
  match: Type.Optional(match('With the preset `a-b`: requests that get the new version meanwhile')),
  preview: Type.Optional(match('With the preset `blue-green`: requests that get the new version before the switch')),
  ramp: Type.Optional(RampSchema('Instead of `steps`, a single ramp.')),
  analysis: Type.Optional(AnalysisSchema),
  onSuccess: Type.Union([Type.Literal('promote'), Type.Literal('keep')], { default: 'promote', description: 'Behind the last step the new version gets all (`promote`) or keeps what it has (`keep`).' }),
  watch: timeOr('How long it is judged after that; a fail still returns the weights. 0s = not at all.', DEFAULT_WATCH_MS)
}, { ...strict, description: 'The plan of a rollout that is started without another one (`POST /v1/routes/{route}/rollout`). It starts nothing by itself, and a change of it does not touch a rollout that runs.' })
