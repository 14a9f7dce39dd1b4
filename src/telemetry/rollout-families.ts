import { familyHead, labelText, sampleLine } from './exposition.ts'
import type { MetricName } from './metric-catalogue.ts'

/** The rollout of a route as the control plane knows it at the time of a scrape. */
export interface RolloutGauges {
  readonly phase: string
  readonly step: number
  /** What the plan gives the new version of what both have, 0 to 1. */
  readonly share: number
  /** What speaks against the new version, by test; empty when nothing is judged. */
  readonly evidence: Readonly<Record<string, number>>
  /** Undefined before there is one. */
  readonly verdict: string | undefined
  /** Something of it is not stored. */
  readonly pending: boolean
}

/** A route that has, or had, a rollout. */
export interface RolloutRow {
  /** The label route, escaped. */
  readonly labels: string
  readonly rollout: RolloutGauges
}

/** The exposition of the rollouts, in pieces of some lines each. */
export function * rolloutFamilies (rows: readonly RolloutRow[]): Generator<string> {
  yield * perRollout('weir_rollout_phase', rows, (name, { labels, rollout }) => sampleLine(name, `${labels},${labelText({ phase: rollout.phase })}`, 1))
  yield * perRollout('weir_rollout_step', rows, (name, { labels, rollout }) => sampleLine(name, labels, rollout.step))
  yield * perRollout('weir_rollout_weight', rows, (name, { labels, rollout }) => sampleLine(name, labels, rollout.share))
  yield * perRollout('weir_rollout_evidence', rows, (name, { labels, rollout }) => Object.entries(rollout.evidence)
    .map(([test, value]) => sampleLine(name, `${labels},${labelText({ test })}`, value)).join(''))
  yield * perRollout('weir_rollout_verdict', rows, (name, { labels, rollout: { verdict } }) =>
    verdict === undefined ? '' : sampleLine(name, `${labels},${labelText({ verdict })}`, 1))
  yield * perRollout('weir_rollout_pending', rows, (name, { labels, rollout }) => sampleLine(name, labels, rollout.pending ? 1 : 0))
}

function * perRollout (
  name: MetricName, rows: readonly RolloutRow[], lines: (name: MetricName, row: RolloutRow) => string
): Generator<string> {
  yield familyHead(name)
  for (const row of rows) yield lines(name, row)
}
