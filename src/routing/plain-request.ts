import { wireText } from '../http1/wire-text.ts'
import type { RequestView } from './request-view.ts'

/** What a request is made up of when it did not come from a client. */
export interface PlainRequestParts {
  readonly method?: string
  /** Without port. */
  readonly host?: string
  readonly path?: string
  /** Without `?`. */
  readonly query?: string
  /** Names in any case; values as people write them, which clients send in UTF-8. */
  readonly headers?: Readonly<Record<string, string>>
}

/** A request made of plain values, for explanations and tests. */
export class PlainRequest implements RequestView {
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
