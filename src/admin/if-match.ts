/**
 * If-Match (RFC 9110 section 13.1.1). The entity tag of a route is its epoch in quotes.
 */
export type IfMatch =
  /** No condition: the field is missing, or `*`, which any route that exists meets. */
  | { readonly kind: 'any' }
  /** Tags that can't be those of an epoch, weak ones among them, are left out: they match nothing. */
  | { readonly kind: 'epochs', readonly epochs: readonly number[] }
  | { readonly kind: 'malformed' }

/** One entity tag and what may follow it, members of the list that are empty among it. */
const TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,[, \t]*|$)/

/** Reads the field. Several field lines arrive joined by commas. */
export function parseIfMatch (value: string | undefined): IfMatch {
  if (value === undefined || value.trim() === '*') return { kind: 'any' }
  const epochs: number[] = []
  let rest = value.replace(/^[, \t]+/, '').trim()
  if (rest === '') return { kind: 'malformed' }
  while (rest !== '') {
    const match = TAG.exec(rest)
    if (match === null) return { kind: 'malformed' }
    // If-Match compares strongly (RFC 9110 section 8.8.3.2), so a weak tag never matches.
    if (match[1] === undefined && /^[1-9][0-9]{0,14}$/.test(match[2] ?? '')) epochs.push(Number(match[2]))
    rest = rest.slice(match[0].length)
  }
  return { kind: 'epochs', epochs }
}

/** The entity tag of a route at an epoch. */
export function epochTag (epoch: number): string {
  return `"${epoch}"`
}
