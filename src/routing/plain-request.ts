import { wireText } from '../http1/wire-text.ts'
import type { RequestView } from '../http/request-view.ts'
import type { PlainRequestParts } from '../contract/questions.ts'

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
