const SHOWN = 10

/** `a, b and 12 more`: a list of any length in a line of the log. */
export function nameSome (names: readonly string[]): string {
  const more = names.length - SHOWN
  return more > 0 ? `${names.slice(0, SHOWN).join(', ')} and ${more} more` : names.join(', ')
}
