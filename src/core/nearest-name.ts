/** Longer words are not compared: nobody mistypes them into a known name, and the work grows with their square. */
const MAX_LENGTH = 64

/**
 * The known name that a mistyped one most likely means.
 * @returns undefined when none is near: more than a third of the characters would have to change
 */
export function nearestName (given: string, known: readonly string[]): string | undefined {
  if (given.length > MAX_LENGTH) return undefined
  let best: string | undefined
  let bestDistance = Infinity
  for (const name of known) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase())
    const allowed = Math.max(1, Math.floor(Math.max(given.length, name.length) / 3))
    if (distance <= allowed && distance < bestDistance && distance < name.length) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** `; did you mean NAME?`, to go behind what is wrong with a name; empty when no known one is near. */
export function suggestion (given: string, known: readonly string[]): string {
  const nearest = nearestName(given, known)
  return nearest === undefined ? '' : `; did you mean ${nearest}?`
}

/** The number of insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance (left: string, right: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1]
      let cost = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (swapped) cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1)
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[right.length] ?? 0
}
