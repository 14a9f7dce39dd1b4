import type { RawMessage } from './raw-http.ts'

const ADDED = new Set(['via', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id'])

/** The field lines of a request without those that Weir adds. */
export function ownLines (message: Pick<RawMessage, 'fields'> | undefined): readonly string[] {
  return (message?.fields ?? []).filter(([name]) => !ADDED.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}`)
}
