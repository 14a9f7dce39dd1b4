/**
 * Does a request meet what a version asks of it? Compiled once; a request that does not makes no garbage but the texts that are read of it.
 * Hot.
 */
import type { AlwaysNever, NamedTest, RequestTest, TextTest } from '../contract/placement-spec.ts'
import { LinearPattern } from '../core/linear-pattern.ts'
import { wireText } from '../routing/plain-request.ts'
import { fieldSource, parameterSource, wholeSource, type RequestTexts, type TextSource } from './request-texts.ts'

/** What a text has to be. */
interface RangeTest {
  /** Is `text[start, end)` that? */
  readonly meets: (text: string, start: number, end: number) => boolean
  /** Longer texts are not looked at. */
  readonly maxBytes: number
}

/** @throws RangeError for a regular expression that can't be used */
function compileText (test: TextTest): RangeTest {
  const maxBytes = Infinity
  switch (test.kind) {
    case 'present': return { meets: () => true, maxBytes }
    case 'regex': {
      const pattern = new LinearPattern(test.value)
      return { meets: (text, start, end) => pattern.isIn(text.slice(start, end)), maxBytes: pattern.maxBytes }
    }
    case 'exact': {
      const value = wireText(test.value)
      return { meets: (text, start, end) => end - start === value.length && text.startsWith(value, start), maxBytes }
    }
    case 'prefix': {
      const value = wireText(test.value)
      return { meets: (text, start, end) => end - start >= value.length && text.startsWith(value, start), maxBytes }
    }
  }
}

/** One thing that is asked of a request. */
interface Condition {
  readonly holds: (texts: RequestTexts) => boolean
  /** Why it does not hold. */
  readonly refusal: (texts: RequestTexts) => string
}

export class RequestMatcher {
  readonly #conditions: readonly Condition[]

  /** @throws RangeError for a regular expression that can't be used */
  constructor ({ methods, headers, cookies, query, path, host }: RequestTest) {
    this.#conditions = [
      ...(methods.length === 0 ? [] : [methodCondition(methods)]),
      ...(host === undefined ? [] : [condition(wholeSource('the host', texts => texts.host()), host)]),
      ...(path === undefined ? [] : [condition(wholeSource('the path', texts => texts.path()), path)]),
      ...named(headers, name => fieldSource('header', name)),
      ...named(cookies, name => fieldSource('cookie', name)),
      ...named(query, parameterSource)
    ]
  }

  holds (texts: RequestTexts): boolean {
    for (let index = 0; index < this.#conditions.length; index++) if (this.#conditions[index]?.holds(texts) === false) return false
    return true
  }

  /** What keeps it from holding; empty when it holds. */
  refusal (texts: RequestTexts): string {
    return this.#conditions.find(({ holds }) => !holds(texts))?.refusal(texts) ?? ''
  }
}

function methodCondition (methods: readonly string[]): Condition {
  return { holds: texts => methods.includes(texts.method()), refusal: () => 'the method is another' }
}

function named (tests: readonly NamedTest[], sourceOf: (name: string) => TextSource): readonly Condition[] {
  return tests.map(({ name, test }) => condition(sourceOf(name), test))
}

function condition ({ about, find }: TextSource, test: TextTest): Condition {
  const { meets, maxBytes } = compileText(test)
  return {
    holds: texts => {
      const text = find(texts)
      return text !== undefined && meets(text, texts.range.start, texts.range.end)
    },
    refusal: texts => {
      const isLong = find(texts) !== undefined && texts.range.end - texts.range.start > maxBytes
      return isLong ? `${about} is longer than ${maxBytes} bytes, in which its regular expression is searched for at most` : `${about} is another`
    }
  }
}

/** What `always` and `never` say of a version. */
export class AlwaysNeverWords {
  readonly #sources: readonly TextSource[]

  constructor (spec: readonly AlwaysNever[]) {
    this.#sources = spec.map(({ by, name }) => fieldSource(by, name))
  }

  /** 1, -1, or 0 for nothing. The first that says something decides. */
  word (texts: RequestTexts): number {
    for (let index = 0; index < this.#sources.length; index++) {
      const source = this.#sources[index]
      const word = source === undefined ? 0 : wordAt(source, texts)
      if (word !== 0) return word
    }
    return 0
  }

  /** The one that decides; empty when none does. */
  decider (texts: RequestTexts): string {
    return this.#sources.find(source => wordAt(source, texts) !== 0)?.about ?? ''
  }

  /** Why none does. */
  refusals (): readonly string[] {
    return this.#sources.map(({ about }) => `${about} says neither always nor never`)
  }
}

function wordAt ({ find }: TextSource, texts: RequestTexts): number {
  const text = find(texts)
  if (text === undefined) return 0
  const { start, end } = texts.range
  if (end - start === ALWAYS.length && text.startsWith(ALWAYS, start)) return 1
  return end - start === NEVER.length && text.startsWith(NEVER, start) ? -1 : 0
}

const ALWAYS = 'always'
const NEVER = 'never'
