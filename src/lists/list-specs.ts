/** The lists of a route as workers need them. */
import type { RouteConfig } from '../config/schema.ts'
import type { ListSpec } from '../contract/placement-spec.ts'

/** In the order of the configuration. */
export function listSpecs ({ lists }: Pick<RouteConfig, 'lists'>): readonly ListSpec[] {
  return lists.map(({ name, version, by, header, cookie }) => ({ name, version, by, field: header ?? cookie ?? '' }))
}
