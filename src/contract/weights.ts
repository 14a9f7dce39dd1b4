/** The weights of a route by version name. Every version of the route is in it. */
export type Weights = Readonly<Record<string, number>>

/** The weight of a version, or undefined if there is no such version. Safe for names such as `constructor`. */
export function weightOf (weights: Weights, version: string): number | undefined {
  return Object.hasOwn(weights, version) ? weights[version] : undefined
}

/** Do both name the same versions with the same weights? The order does not matter. */
export function sameWeights (left: Weights, right: Weights): boolean {
  return sameVersions(left, right) && Object.keys(left).every(name => weightOf(right, name) === left[name])
}

/** Would nobody be served? */
export function isAllZero (weights: Weights): boolean {
  return Object.values(weights).every(weight => weight === 0)
}

/** Do both name the same versions? */
export function sameVersions (left: Weights, right: Weights): boolean {
  const names = Object.keys(left)
  return names.length === Object.keys(right).length && names.every(name => weightOf(right, name) !== undefined)
}
