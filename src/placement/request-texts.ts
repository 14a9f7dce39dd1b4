/**
 * What the rules of a route read of one request, each text once. Reused for every request of a route. Hot.
 */
import { oneHostName } from '../core/socket-address.ts'
import type { RequestView } from '../http/http-request.ts'
import { TextRange } from '../routing/text-range.ts'

export class RequestTexts {
  /** Where in its text a source was found last. */
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

  /** In the spelling in which routes compare it. */
  host (): string {
    this.#host ??= oneHostName(this.#view?.host() ?? '')
    return this.#host
  }
}

/** Where a request says something. */
export interface TextSource {
  /** For explanations. */
  readonly about: string
  /** The text that has it, at `texts.range`; undefined when the request does not say it. */
  readonly find: (texts: RequestTexts) => string | undefined
}

/** A text of its own. */
export function wholeSource (about: string, read: (texts: RequestTexts) => string | undefined): TextSource {
  return {
    about,
    find: texts => {
      const text = read(texts)
      texts.range.start = 0
      texts.range.end = text === undefined ? 0 : text.length
      return text
    }
  }
}

/** A header in any case, or a cookie in its own. */
export function fieldSource (by: 'header' | 'cookie', name: string): TextSource {
  const about = `the ${by} ${name}`
  if (by === 'header') {
    const lowerName = name.toLowerCase()
    return wholeSource(about, texts => texts.header(lowerName))
  }
  return {
    about,
    find: texts => {
      const cookies = texts.cookies()
      return texts.range.findCookie(cookies, name) ? cookies : undefined
    }
  }
}

export function parameterSource (name: string): TextSource {
  return {
    about: `the parameter ${name}`,
    find: texts => {
      const query = texts.query()
      return texts.range.findParameter(query, name) ? query : undefined
    }
  }
}

/** What the request says there, as a text of its own. */
export function valueOf (source: TextSource, texts: RequestTexts): string | undefined {
  return source.find(texts)?.slice(texts.range.start, texts.range.end)
}
