/**
 * What the rules of a route read of one request, each text once. Reused for every request of a route. Hot.
 */
import type { RequestView } from '../http/http-request.ts'
import { TextRange } from '../routing/text-range.ts'

export class RequestTexts {
  /** Where a cookie or parameter was found last. */
  readonly range = new TextRange()
  clientIp = ''
  #view: RequestView | null = null
  #cookies: string | null = null
  #path: string | null = null
  #query: string | null = null
  #host: string | null = null

  /** Until end(), the texts of this request. */
  begin (view: RequestView, clientIp: string): void {
    this.clientIp = clientIp
    this.#view = view
  }

  end (): void {
    this.#view = this.#cookies = this.#path = this.#query = this.#host = null
  }

  method (): string { return this.#view?.method() ?? '' }
  header (lowerName: string): string | undefined { return this.#view?.header(lowerName) }
  /** The value of Cookie; empty without one. */
  cookies (): string {
    this.#cookies ??= this.#view?.header('cookie') ?? ''
    return this.#cookies
  }

  path (): string {
    this.#path ??= this.#view?.path() ?? ''
    return this.#path
  }

  query (): string {
    this.#query ??= this.#view?.query() ?? ''
    return this.#query
  }

  host (): string {
    this.#host ??= this.#view?.host() ?? ''
    return this.#host
  }

  /** The value of a cookie as its own text; undefined without one. */
  cookie (name: string): string | undefined {
    const cookies = this.cookies()
    return this.range.findCookie(cookies, name) ? cookies.slice(this.range.start, this.range.end) : undefined
  }
}
