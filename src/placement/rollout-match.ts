import type { PlacementSpec, VersionMatchSpec } from '../contract/placement-spec.ts'

const NOTHING: PlacementSpec = { overrides: null, lists: [], matches: [] }

/**
 * What chooses a version while a rollout has set a match: that one in place of the match that its version has otherwise.
 * @param match undefined: none is set
 * @param versions of the route, in its order, which is that of the matches; what they do not name is nobody's match
 */
export function withRolloutMatch (
  placement: PlacementSpec | null, match: VersionMatchSpec | undefined, versions: readonly string[]
): PlacementSpec | null {
  const place = match === undefined ? -1 : versions.indexOf(match.version)
  if (match === undefined || place < 0) return placement
  const before = placement ?? NOTHING
  const others = before.matches.filter(({ version }) => version !== match.version)
  const earlier = others.filter(({ version }) => versions.indexOf(version) < place)
  return { ...before, matches: [...earlier, match, ...others.slice(earlier.length)] }
}
