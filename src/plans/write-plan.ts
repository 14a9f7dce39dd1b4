import type { AnalysisSettings } from '../analysis/analysis-settings.ts'
import { assertNever } from '../core/assert-never.ts'
import { formatDuration } from '../core/duration.ts'
import type { PlanStep, RolloutPlan } from './rollout-plan.ts'
import { writeMatch } from './write-match.ts'

/** The plan as people write it, every option with its value: `readPlan` reads it back. */
export function writePlan (plan: RolloutPlan): Readonly<Record<string, unknown>> {
  const { from, to, preset, steps, onSuccess, watchMs, analysis } = plan
  return { from, to, preset, steps: steps.map(writeStep), onSuccess, watch: formatDuration(watchMs), analysis: writeAnalysis(analysis) }
}

function writeStep (step: PlanStep): Readonly<Record<string, unknown>> {
  switch (step.kind) {
    case 'await-endpoints': return { awaitEndpoints: {} }
    case 'set-weight': return { setWeight: step.weight }
    case 'ramp': return { ramp: { to: step.to, over: formatDuration(step.overMs) } }
    case 'pause': return { pause: step.durationMs === null ? {} : { duration: formatDuration(step.durationMs) } }
    case 'analyse': return {
      analyse: {
        ...(step.forMs === null ? {} : { for: formatDuration(step.forMs) }),
        ...(step.requests === null ? {} : { requests: step.requests }),
        onUndecided: step.onUndecided
      }
    }
    case 'set-match': return { setMatch: step.match === null ? null : writeMatch(step.match) }
    case 'mirror': return { mirror: step.mirror }
    default: return assertNever(step)
  }
}

function writeAnalysis (settings: AnalysisSettings): Readonly<Record<string, unknown>> {
  const { failureStatuses, slowerThanMs, warmupMs, silenceMs, maxErrorShare, maxDifferent, ...plain } = settings
  return {
    failureStatuses: failureStatuses.map(writeRange),
    ...plain,
    ...(slowerThanMs === null ? {} : { slowerThan: formatDuration(slowerThanMs) }),
    warmup: formatDuration(warmupMs),
    maxErrorShare: maxErrorShare ?? 'off',
    maxDifferent: maxDifferent ?? 'off',
    silence: formatDuration(silenceMs)
  }
}

function writeRange ([low, high]: readonly [number, number]): string | number {
  if (low === high) return low
  return low % 100 === 0 && high === low + 99 ? `${low / 100}xx` : `${low}-${high}`
}
