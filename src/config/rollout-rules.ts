import { checkPlan } from '../plans/read-plan.ts'
import { fault, isMapping, readPath, type ConfigPath, type Finding } from './finding.ts'
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
    .map(({ place, message }) => fault([...path, ...readPath(place)], message))
    .filter(finding => !isBroken(finding.path))
}
