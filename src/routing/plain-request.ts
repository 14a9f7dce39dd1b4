import type { PlacementView } from '../http/http-request.ts'
import type { PlainRequestParts } from '../contract/questions.ts'

/**
 * A text as it looks when its UTF-8 bytes are read from a connection: one character for each byte, as all field values are read here. So
 * what people write in UTF-8 (a configuration, a query of the admin API) is compared with the same bytes that clients send.
 */
export function wireText (text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** A request made of plain values, for explanations and tests. */
export class PlainRequest implements PlacementView {
  /** What is looked at before any of it is believed. */
  readonly claimsVersion = true
  readonly #parts: PlainRequestParts
  readonly #headers: ReadonlyMap<string, string>

  constructor (parts: PlainRequestParts) {
    this.#parts = parts
    this.#headers = new Map(Object.entries(parts.headers ?? {}).map(([name, value]) => [name.toLowerCase(), wireText(value)]))
  }

  method (): string {
    return this.#parts.method ?? 'GET'
  }

  host (): string {
    return (this.#parts.host ?? '').toLowerCase()
  }

  path (): string {
    return this.#parts.path ?? '/'
  }

  query (): string {
    return this.#parts.query ?? ''
  }

  header (lowerName: string): string | undefined {
    return this.#headers.get(lowerName)
  }
}
