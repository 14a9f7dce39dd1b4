import { checkPlan } from '../plans/read-plan.ts'
import { fault, isMapping, type ConfigPath, type Finding } from './finding.ts'
import type { RouteConfig, VersionConfig } from './schema.ts'

/**
 * What can't work of a route's plan.
 * @param isBroken tells the paths of which the schema has said something already
 */
export function checkRollout (
  plan: RouteConfig['rollout'], versions: readonly VersionConfig[], path: ConfigPath, isBroken: (path: ConfigPath) => boolean
): readonly Finding[] {
  if (plan === undefined || !isMapping(plan)) return []
  return checkPlan(plan, versions.map(({ name }) => name))
    .map(({ place, message }) => fault([...path, ...pathOf(place)], message))
    .filter(finding => !isBroken(finding.path))
}

/** `steps[2].setWeight` as a path. What is no plain word is the schema's to tell of. */
function pathOf (place: string): ConfigPath {
  return [...place.matchAll(/\[([0-9]+)\]|[^.[\]]+/g)].map(([step, index]) => index === undefined ? step : Number(index))
}
