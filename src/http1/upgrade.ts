/**
 * The switch to another protocol (RFC 9110 section 7.8): what of a client's Upgrade goes on to the endpoint, and whether the
 * endpoint's 101 answers it.
 */
import { CONNECTION } from './connection-options.ts'
import { FIELD } from './field-id.ts'
import type { FieldLines } from './field-lines.ts'

/** Of a head, what a switch depends on. */
export interface SwitchingHead {
  readonly fields: FieldLines
  /** The line of Upgrade, or -1. */
  readonly upgradeLine: number
  readonly minor: number
  /** Bits of CONNECTION. */
  readonly connection: number
}

/**
 * The protocols that the client offers and the route allows, as a field value; empty when there are none. What would make the
 * end of the HTTP part doubtful is no offer: HTTP/1.0, an Upgrade that Connection does not name, a request with a body.
 * @param allowed names in lower case
 */
export function offeredUpgrade (head: SwitchingHead, hasBody: boolean, allowed: ReadonlySet<string>): string {
  if (head.upgradeLine < 0 || head.minor === 0 || (head.connection & CONNECTION.upgrade) === 0 || hasBody) return ''
  const offered = new Map<string, string>()
  for (const name of protocols(head)) {
    const lower = name.toLowerCase()
    if (allowed.has(lower) && !offered.has(lower)) offered.set(lower, name)
  }
  return [...offered.values()].join(', ')
}

/** The protocol that a 101 switches to, if it is one of those offered and nothing about the head is odd; otherwise undefined. */
export function acceptedUpgrade (
  head: SwitchingHead & { readonly chunked: boolean, readonly length: number }, offered: string
): string | undefined {
  if (offered === '' || head.upgradeLine < 0 || (head.connection & CONNECTION.upgrade) === 0 || head.minor === 0) return undefined
  if (head.chunked || head.length > 0) return undefined
  const [accepted, ...more] = protocols(head)
  if (accepted === undefined || more.length > 0) return undefined
  return offered.toLowerCase().split(', ').includes(accepted.toLowerCase()) ? accepted : undefined
}

/** The members of all Upgrade lines, empty ones left out (RFC 9110 section 5.6.1). */
function protocols ({ fields }: SwitchingHead): readonly string[] {
  return (fields.joinedById(FIELD.upgrade) ?? '').split(',').map(withoutSpace).filter(name => name !== '')
}

/** Takes the optional white space off; trim() would take more. */
function withoutSpace (text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text[start])) start++
  while (end > start && isSpace(text[end - 1])) end--
  return text.slice(start, end)
}

function isSpace (char: string | undefined): boolean {
  return char === ' ' || char === '\t'
}
