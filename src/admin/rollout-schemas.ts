/** How the admin API writes rollouts and verdicts, and what a plan may have. */
import { Type, type Static } from '../core/json-schema.ts'
import { withoutPaths } from '../core/without-paths.ts'
import { VERDICT_OUTCOMES } from '../analysis/verdict.ts'
import { STEP_KINDS } from '../plans/rollout-plan.ts'
import type { RolloutStatus } from '../rollout/rollout-control.ts'
import { isLive, ROLLOUT_PHASES, type RolloutState } from '../rollout/rollout-state.ts'
import { stepText } from '../rollout/step-text.ts'
import { WeightsSchema } from './operation.ts'

const VersionNumbersSchema = Type.object({
  requests: Type.integer({ description: 'Requests that are finished and judged.' }),
  failures: Type.integer(),
  slow: Type.integer({ description: 'Good answers that took too long.' }),
  failureShare: Type.optional(Type.number({ description: 'From 0 to 1.' })),
  interval: Type.optional(Type.list(Type.number(), { description: 'The share of failures is between the two, with 95 % for all looks together.' })),
  slowShare: Type.optional(Type.number())
})

const TestNumbersSchema = Type.object({
  evidence: Type.number({ description: 'That the new version is worse. A fail when it is `threshold` or more and `difference` at least `allowed`.' }),
  threshold: Type.number(),
  clients: Type.integer({ description: 'Clients with a failure (or slow answer): only the first of each counts.' }),
  clientsOnNew: Type.integer({ description: 'Those of them that were on the new version.' }),
  difference: Type.number({ description: 'How much higher the share is on the new version, estimated.' }),
  allowed: Type.number(),
  passEvidence: Type.number({ description: 'That it is not worse by more than is allowed. A pass when it is `passThreshold` or more.' }),
  passThreshold: Type.number()
})

const NULLABLE = { type: ['object', 'null'] }

const CopyNumbersSchema = Type.object({
  requests: Type.integer({ description: 'Copies whose answer is known, beside the real one.' }),
  failed: Type.integer({ description: 'The copy failed, and the real answer was good.' }),
  realFailed: Type.integer({ description: 'The other way round.' }),
  bothFailed: Type.integer(),
  slow: Type.integer({ description: 'Both were good, and the copy alone was slow.' }),
  realSlow: Type.integer({ description: 'The other way round.' }),
  different: Type.integer({ description: 'Answered differently, by what the mirror compares, or not at all.' }),
  evidence: Type.number({ description: 'How much likelier this is if copies fail more often. A fail when it is `threshold` or more.' }),
  threshold: Type.number(),
  passEvidence: Type.number({ description: 'That they do not. A version without users of its own passes by `passThreshold` or more.' }),
  passThreshold: Type.number()
})

/** What every verdict says. */
const VERDICT_FIELDS = {
  verdict: Type.oneOf(VERDICT_OUTCOMES),
  code: Type.string({ description: 'The rule that speaks: `errors`, `slow`, `pairs`, `copies`, `max_failures`, `more_needed` and so on.' }),
  reason: Type.string({ description: 'One sentence with the numbers.' }),
  pause: Type.optional(Type.boolean({ description: 'Both versions fail alike: the rollout pauses.' })),
  ejectEndpoint: Type.optional(Type.textOrNull('An endpoint of the new version that is kept out: what goes wrong there is not charged to the version.')),
  from: Type.optional(VersionNumbersSchema),
  to: Type.optional(VersionNumbersSchema),
  errors: Type.optional(TestNumbersSchema),
  slow: Type.optional(TestNumbersSchema),
  pairs: Type.optional({ ...Type.object({ evidence: Type.number() }), ...NULLABLE, description: 'Requests that one version failed and the other answered. Null: there is no failover.' }),
  copies: Type.optional({ ...CopyNumbersSchema, ...NULLABLE, description: 'What copies of requests to the new version have come to. Null: there were none.' }),
  sentinel: Type.optional(Type.object({ evidence: Type.number(), silent: Type.boolean() }, { description: 'The same test between two halves of the old version: while it is not silent, counts of requests do not decide.' })),
  clients: Type.optional(Type.numberOrNull('Clients seen, estimated. Null: many.')),
  heaviest: Type.optional({ ...Type.object({ key: Type.string(), share: Type.number() }), ...NULLABLE, description: 'The client with the most failures on the new version, and its share of them.' }),
  needs: Type.optional({
    ...Type.object({ requests: Type.integer(), minutes: Type.numberOrNull('At the present rate.') }),
    ...NULLABLE,
    description: 'What is missing until a pass.'
  })
}

const VerdictSchema = { ...Type.object(VERDICT_FIELDS), ...NULLABLE, description: 'The verdict in numbers: all of them while the rollout runs, the main ones afterwards. Null: there is none yet.' }

export const VerdictAnswerSchema = Type.object({
  route: Type.string(),
  rollout: Type.string({ description: 'The id of the rollout.' }),
  phase: Type.oneOf(ROLLOUT_PHASES),
  ...VERDICT_FIELDS
})

const StepSchema = Type.object({
  kind: Type.oneOf(STEP_KINDS),
  text: Type.string({ description: 'The step in a few words.' }),
  weight: Type.numberOrNull('The share of `to` when the step is done, 0 to 100. Null: the step does not move it.'),
  state: Type.oneOf(['done', 'now', 'ahead'])
})

const EvidenceSchema = {
  ...Type.object({
    leads: Type.boolean({ description: 'The replica that answers makes the steps, by the evidence of all. If not, it judges by its own, and can only fail the rollout.' }),
    replicas: Type.integer({ description: 'Replicas whose evidence is in the verdict, the one that answers among them.' }),
    of: Type.numberOrNull('Replicas that there are. Null: the one that answers does not ask them.'),
    missing: Type.list(Type.object({
      name: Type.optional(Type.string()), address: Type.string(), reason: Type.string()
    }), { description: 'Those that are left out, and why.' }),
    unknown: Type.optional(Type.string({ description: 'Why there may be others that are not known.' }))
  }),
  ...NULLABLE,
  description: 'Whose evidence the verdict rests on. Null: there is one replica alone, or the rollout is over.'
}

export const RolloutSchema = Type.object({
  id: Type.string({ description: 'Another one for each rollout.' }),
  route: Type.string(),
  phase: Type.oneOf(ROLLOUT_PHASES, { description: 'Healthy, Degraded (failed, and back at the old weights) and Aborted (by a person) are ends.' }),
  from: Type.string(),
  to: Type.string(),
  step: Type.integer({ description: 'The index of the present step; the number of steps when all are done.' }),
  steps: Type.list(StepSchema),
  waitsFor: Type.textOrNull('What it waits for. Null: it is over.'),
  since: Type.string({ format: 'date-time', description: 'Since when it is in this phase and step.' }),
  startedAt: Type.string({ format: 'date-time' }),
  sentence: Type.string({ description: 'How it stands, for a person.' }),
  shareTo: Type.number({ description: 'The share of `to` by the plan, 0 to 100.' }),
  weights: WeightsSchema,
  epoch: Type.integer({ description: 'Of the route; the value of ETag.' }),
  actor: Type.string({ description: 'Who made its latest change.' }),
  reason: Type.string(),
  plan: Type.object({}, { additionalProperties: true, description: 'The plan, with everything that was left out filled in.' }),
  defaultDiffers: Type.boolean({ description: 'The plan of the configuration is another one by now.' }),
  possible: Type.list(Type.string(), { description: 'What may be asked of it now: `start`, `pause`, `resume`, `promote`, `abort`, `retry`, `undo`.' }),
  pending: Type.textOrNull('What can\'t be stored, and why: a change that is in force all the same, or that the rollout stays at its step. Null: all is stored.'),
  verdict: VerdictSchema,
  evidence: EvidenceSchema
})

/** A rollout in short, for the answers about routes. */
export const ShortRolloutSchema = Type.object({
  phase: Type.oneOf(ROLLOUT_PHASES),
  from: Type.string(),
  to: Type.string(),
  step: Type.integer({ description: 'The index of the present step.' }),
  steps: Type.integer({ description: 'The number of steps.' }),
  doing: Type.string({ description: 'The present step in a few words.' })
}, { description: 'While a rollout runs.' })

/** The plan may be wrong in many places, and whoever reads plans names all of them: the validator takes anything. */
function planField (description: string) {
  return Type.optional<unknown>({ description })
}

/** What a plan may have, as people write it. */
export const PLAN_FIELDS = {
  to: planField('The new version.'),
  from: planField('The version that the new one is compared with, and that traffic comes from.'),
  preset: planField('`canary`, `blue-green` or `a-b`: the steps where there are none.'),
  steps: planField('A list of `{"setWeight": 5}`, `{"analyse": {"for": "2m", "requests": 5000, "onUndecided": "wait" | "pass" | "fail"}}`, `{"pause": {"duration": "10m"}}`, `{"pause": {}}`, `{"ramp": {"to": 50, "over": "10m"}}`, `{"awaitEndpoints": {}}`, `{"setMatch": [{"headers": [{"name": "x-beta", "value": "1"}]}]}`, `{"setMatch": null}`, `{"mirror": {"percent": 10}}`, `{"mirror": null}`.'),
  ramp: planField('In place of steps: `{"to": 100, "over": "10m"}`, moved every second, evenly.'),
  analysis: planField('What counts as a failure and how much of it is too much: docs/rollouts.md.'),
  onSuccess: planField('`promote` (all traffic) or `keep` (the weights of the last step).'),
  watch: planField('For how long the new version is watched after a success, such as `10m`.'),
  for: planField('Of `a-b`: how long both versions are compared, such as `1h`.'),
  match: planField('Of `a-b`: which requests get the new version meanwhile, as `versions[].match` of the configuration has it.'),
  preview: planField('Of `blue-green`: which requests get the new version before the switch, written in the same way.')
}

/** How a rollout is answered: as it is, but for paths of files. */
export function describeRolloutStatus (status: RolloutStatus): RolloutStatus {
  return status.pending === null ? status : { ...status, pending: withoutPaths(status.pending) }
}

/** Undefined unless it runs. */
export function describeInShort (state: RolloutState | undefined): Static<typeof ShortRolloutSchema> | undefined {
  if (!isLive(state)) return undefined
  const { phase, plan: { from, to, steps }, step } = state
  const present = steps[step]
  return { phase, from, to, step, steps: steps.length, doing: present === undefined ? 'watch' : stepText(present) }
}
