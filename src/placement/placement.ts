/**
 * What chooses the version of a request before the split does: an override, else the first list that has its client, else the first match
 * that holds. Only the split decides by weight; a version of weight 0 is reached here alone. Hot.
 */
import type { ListSpec, PlacementKind, PlacementSpec, VersionMatchSpec } from '../contract/placement-spec.ts'
import type { RuleTrace } from '../contract/questions.ts'
import type { PlacementView } from '../http/http-request.ts'
import { MAX_MEMBER_BYTES, type Membership } from './membership.ts'
import { OverrideReader } from './override-reader.ts'
import { AlwaysNeverWords, RequestMatcher } from './request-matcher.ts'
import { fieldSource, RequestTexts, type TextSource, valueOf, wholeSource } from './request-texts.ts'

/** What a request takes down of its placement. */
export interface PlacedFacts {
  readonly clientIp: string
  /** @param by the list, the version that was matched or overridden, or those that it is kept from */
  notePlaced (kind: PlacementKind, by: string): void
}

/** What the choice of a version goes by. */
export interface PlacedTerms {
  /** The version that was chosen; empty when the split has to. */
  placed: string
  /** Versions that the split may not choose. */
  excluded: readonly string[]
}

/** What a placement is compiled with. */
export interface PlacementMaterial {
  readonly versions: readonly string[]
  readonly listOf: (list: string) => Membership
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: () => number
}

export class Placement {
  readonly #overrides: OverrideReader | null
  readonly #lists: readonly ListRule[]
  readonly #matches: readonly MatchRule[]
  readonly #texts = new RequestTexts()

  /** @throws RangeError for a regular expression that can't be used */
  constructor ({ overrides, lists, matches }: PlacementSpec, { versions, listOf, wallMs }: PlacementMaterial) {
    this.#overrides = overrides === null ? null : new OverrideReader(overrides, versions, wallMs)
    this.#lists = lists.map(spec => new ListRule(spec, listOf(spec.name)))
    this.#matches = matches.map(spec => new MatchRule(spec))
  }

  /** Chooses the version of a request, if anything here does. */
  place (view: PlacementView, facts: PlacedFacts, terms: PlacedTerms): void {
    const texts = this.#texts
    texts.begin(view, facts.clientIp)
    if (!(view.claimsVersion && this.#override(facts, terms)) && !this.#listed(facts, terms)) this.#matched(facts, terms)
    texts.end()
  }

  #override (facts: PlacedFacts, terms: PlacedTerms): boolean {
    const version = this.#overrides?.versionOf(this.#texts) ?? ''
    if (version === '') return false
    terms.placed = version
    facts.notePlaced('override', version)
    return true
  }

  #listed (facts: PlacedFacts, terms: PlacedTerms): boolean {
    for (let index = 0; index < this.#lists.length; index++) {
      const rule = this.#lists[index]
      if (rule === undefined || !rule.holds(this.#texts)) continue
      terms.placed = rule.version
      facts.notePlaced('list', rule.name)
      return true
    }
    return false
  }

  #matched (facts: PlacedFacts, terms: PlacedTerms): void {
    let excluded: string[] | null = null
    for (let index = 0; index < this.#matches.length; index++) {
      const rule = this.#matches[index]
      if (rule === undefined) continue
      const word = rule.word(this.#texts)
      if (word < 0) {
        excluded = excluded === null ? [rule.version] : [...excluded, rule.version]
      } else if (word > 0 || rule.holds(this.#texts)) {
        if (excluded !== null) terms.excluded = excluded
        terms.placed = rule.version
        facts.notePlaced('match', rule.version)
        return
      }
    }
    if (excluded === null) return
    terms.excluded = excluded
    facts.notePlaced('never', excluded.join(' '))
  }

  /** What each rule makes of a request, in the order in which they are asked. Those behind the one that chooses are not asked. Cold. */
  trace (view: PlacementView, clientIp: string): readonly RuleTrace[] {
    const texts = this.#texts
    texts.begin(view, clientIp)
    const traces: RuleTrace[] = []
    for (const trace of this.#traces()) {
      traces.push(trace)
      if (trace.chosen) break
    }
    texts.end()
    return traces
  }

  * #traces (): Iterable<RuleTrace> {
    const texts = this.#texts
    if (this.#overrides !== null) {
      const { version, why } = this.#overrides.explain(texts)
      yield { kind: 'override', name: '', version, chosen: version !== '', why }
    }
    for (const rule of this.#lists) {
      yield { kind: 'list', name: rule.name, version: rule.version, chosen: rule.holds(texts), why: rule.explain(texts) }
    }
    for (const rule of this.#matches) yield rule.trace(texts)
  }
}

class ListRule {
  readonly name: string
  readonly version: string
  readonly #by: ListSpec['by']
  readonly #source: TextSource
  readonly #members: Membership

  constructor ({ name, version, by, field }: ListSpec, members: Membership) {
    this.name = name
    this.version = version
    this.#by = by
    this.#source = by === 'client-ip' ? wholeSource('the address', texts => texts.clientIp) : fieldSource(by, field)
    this.#members = members
  }

  holds (texts: RequestTexts): boolean {
    const text = valueOf(this.#source, texts)
    return text !== undefined && this.#isMember(text)
  }

  /** A long text is not even hashed: a client could send one that each list of the route takes its time for. */
  #isMember (text: string): boolean {
    return text !== '' && text.length <= MAX_MEMBER_BYTES && this.#members.has(text)
  }

  explain (texts: RequestTexts): string {
    const { about } = this.#source
    const text = valueOf(this.#source, texts) ?? ''
    if (text === '') return `the request has no ${about.slice('the '.length)}`
    return `${about}${this.#by === 'client-ip' ? ` ${text}` : ''} names ${this.#isMember(text) ? 'a' : 'no'} member`
  }
}

class MatchRule {
  readonly version: string
  readonly #words: AlwaysNeverWords
  readonly #entries: readonly RequestMatcher[]

  constructor ({ version, match, alwaysNever }: VersionMatchSpec) {
    this.version = version
    this.#words = new AlwaysNeverWords(alwaysNever)
    this.#entries = match.map(entry => new RequestMatcher(entry))
  }

  /** What `always` and `never` say: 1, -1, or 0 for nothing. */
  word (texts: RequestTexts): number {
    return this.#words.word(texts)
  }

  holds (texts: RequestTexts): boolean {
    for (let index = 0; index < this.#entries.length; index++) if (this.#entries[index]?.holds(texts) === true) return true
    return false
  }

  trace (texts: RequestTexts): RuleTrace {
    const { version } = this
    const word = this.word(texts)
    const decider = this.#words.decider(texts)
    if (word < 0) return { kind: 'never', name: '', version, chosen: false, why: `${decider} says never` }
    if (word > 0) return { kind: 'match', name: '', version, chosen: true, why: `${decider} says always` }
    const held = this.#entries.findIndex(entry => entry.holds(texts))
    if (held >= 0) return { kind: 'match', name: '', version, chosen: true, why: this.#entries.length === 1 ? 'all of its conditions hold' : `all conditions of its entry ${held + 1} hold` }
    const refusals = [...this.#words.refusals(), ...this.#entries.map(entry => entry.refusal(texts))]
    return { kind: 'match', name: '', version, chosen: false, why: refusals.slice(0, MAX_REFUSALS).join('; ') }
  }
}

/** More of them nobody reads. */
const MAX_REFUSALS = 4
