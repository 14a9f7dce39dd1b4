/**
 * The index of each name, as numbers in a row.
 * @param names each once
 * @param first the index of the first one
 */
export function indexByName<Name extends string | number> (names: readonly Name[], first = 0): Readonly<Record<Name, number>> {
  // Object.fromEntries types its result by any string.
  return Object.fromEntries(names.map((name, index) => [name, first + index])) as Record<Name, number>
}
