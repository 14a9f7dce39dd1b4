/**
 * Does a request meet what a version asks of it? Compiled once; a request that does not makes no garbage but the texts that are read of it.
 * Hot.
 */
import type { AlwaysNever, NamedTest, RequestTest, TextTest } from '../contract/placement-spec.ts'
import { LinearPattern } from '../core/linear-pattern.ts'
import { wireText } from '../routing/plain-request.ts'
import type { RequestTexts } from './request-texts.ts'

/** Looks at `text[start, end)`. */
type RangeTest = (text: string, start: number, end: number) => boolean

/** @throws RangeError for a regular expression that can't be used */
function compileText (test: TextTest): RangeTest {
  switch (test.kind) {
    case 'present': return () => true
    case 'regex': {
      const pattern = new LinearPattern(test.value)
      return (text, start, end) => pattern.isIn(text.slice(start, end))
    }
    case 'exact': {
      const value = wireText(test.value)
      return (text, start, end) => end - start === value.length && text.startsWith(value, start)
    }
    case 'prefix': {
      const value = wireText(test.value)
      return (text, start, end) => end - start >= value.length && text.startsWith(value, start)
    }
  }
}

/** One thing that is asked of a request. */
interface Condition {
  /** What it is about, for explanations. */
  readonly about: string
  readonly holds: (texts: RequestTexts) => boolean
}

export class RequestMatcher {
  readonly #conditions: readonly Condition[]

  /** @throws RangeError for a regular expression that can't be used */
  constructor ({ methods, headers, cookies, query, path, host }: RequestTest) {
    this.#conditions = [
      ...(methods.length === 0 ? [] : [{ about: 'the method', holds: (texts: RequestTexts) => methods.includes(texts.method()) }]),
      ...(host === undefined ? [] : [wholeCondition('the host', host, texts => texts.host())]),
      ...(path === undefined ? [] : [wholeCondition('the path', path, texts => texts.path())]),
      ...headers.map(headerCondition),
      ...cookies.map(cookieCondition),
      ...query.map(parameterCondition)
    ]
  }

  holds (texts: RequestTexts): boolean {
    for (let index = 0; index < this.#conditions.length; index++) if (this.#conditions[index]?.holds(texts) === false) return false
    return true
  }

  /** What keeps it from holding; empty when it holds. */
  refusal (texts: RequestTexts): string {
    return this.#conditions.find(({ holds }) => !holds(texts))?.about ?? ''
  }
}

function wholeCondition (about: string, test: TextTest, read: (texts: RequestTexts) => string): Condition {
  const meets = compileText(test)
  return {
    about,
    holds: texts => {
      const text = read(texts)
      return meets(text, 0, text.length)
    }
  }
}

function headerCondition ({ name, test }: NamedTest): Condition {
  const lowerName = name.toLowerCase()
  const meets = compileText(test)
  return {
    about: `the header ${name}`,
    holds: texts => {
      const value = texts.header(lowerName)
      return value !== undefined && meets(value, 0, value.length)
    }
  }
}

function cookieCondition ({ name, test }: NamedTest): Condition {
  const meets = compileText(test)
  return {
    about: `the cookie ${name}`,
    holds: texts => {
      const cookies = texts.cookies()
      return texts.range.findCookie(cookies, name) && meets(cookies, texts.range.start, texts.range.end)
    }
  }
}

function parameterCondition ({ name, test }: NamedTest): Condition {
  const meets = compileText(test)
  return {
    about: `the parameter ${name}`,
    holds: texts => {
      const query = texts.query()
      return texts.range.findParameter(query, name) && meets(query, texts.range.start, texts.range.end)
    }
  }
}

/** What a header or cookie of `always` and `never` says: 1, -1, or 0 for neither. */
export function alwaysNeverOf ({ by, name }: AlwaysNever, texts: RequestTexts): number {
  const value = by === 'header' ? texts.header(name.toLowerCase()) : texts.cookie(name)
  return value === 'always' ? 1 : value === 'never' ? -1 : 0
}
