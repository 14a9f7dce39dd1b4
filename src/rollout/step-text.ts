import { assertNever } from '../core/assert-never.ts'
import { formatDuration } from '../core/duration.ts'
import type { PlanStep } from '../plans/rollout-plan.ts'
import { matchText } from '../plans/write-match.ts'

/** A step in a few words: `weight 25 %`, `ramp to 100 % over 10m`. */
export function stepText (step: PlanStep): string {
  switch (step.kind) {
    case 'await-endpoints': return 'await endpoints'
    case 'set-weight': return `weight ${step.weight} %`
    case 'ramp': return `ramp to ${step.to} % over ${formatDuration(step.overMs)}`
    case 'pause': return step.durationMs === null ? 'pause' : `pause ${formatDuration(step.durationMs)}`
    case 'analyse': {
      const parts = [
        ...(step.forMs === null ? [] : [formatDuration(step.forMs)]),
        ...(step.requests === null ? [] : [`${step.requests} requests`])
      ]
      return `analyse ${parts.join(' and ')}`
    }
    case 'set-match': return step.match === null ? 'no match' : `match ${matchText(step.match)}`
    case 'mirror': return step.mirror === null ? 'no mirror' : `mirror ${step.mirror.percent} %`
    default: return assertNever(step)
  }
}
