const SHOWN = 10

/** `a, b and 12 more`: a list of any length in a line of the log. @param separator another one for names that have commas */
export function nameSome (names: readonly string[], separator = ', '): string {
  const more = names.length - SHOWN
  return more > 0 ? `${names.slice(0, SHOWN).join(separator)} and ${more} more` : names.join(separator)
}
