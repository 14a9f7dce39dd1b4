/**
 * The cookie that Weir gives to the clients of a route, so that they stay where their first answer has come from, whatever the application
 * gives them later: `KEY.KEYID.SIGNATURE`. The key is random and says nothing; it draws the version as any sticky key does.
 */
import type { IssuedCookieSpec } from '../contract/placement-spec.ts'
import { hashRange, hashString } from '../core/hash.ts'
import type { RequestView } from '../http/http-request.ts'
import type { Split } from '../routing/split.ts'
import type { StickyKey, StickyKeyResolver } from '../routing/sticky-key.ts'
import { TextRange } from '../routing/text-range.ts'
import { ProvenTexts } from './proven-texts.ts'
import { isSignature, signatureOf } from './signing-key.ts'

/** Characters of base64url: 96 random bits. */
const KEY_CHARACTERS = 16
const VALUE_CHARACTERS = 69
const VALUE = /^([A-Za-z0-9_-]{16})\.([0-9a-f]{8})\.([A-Za-z0-9_-]{43})$/
/** A version that fewer clients get has no cookie: a key that draws it would take half a millisecond to find, and more. */
const LEAST_SHARE = 1 / 1_024
/** So many keys are tried until one draws the version of the answer: enough for the least share in all but 1 of 3,000 answers. */
const MAX_DRAWS = 8_192

export class ClientCookies implements StickyKeyResolver {
  /** The client of the request that was resolved last has no cookie of Weir's. */
  owed = false
  readonly #spec: IssuedCookieSpec
  readonly #before: StickyKeyResolver
  readonly #random: () => number
  readonly #range = new TextRange()
  /** Cookies that are good: those of the clients that are asking now. */
  readonly #proven: ProvenTexts

  /**
   * @param before how a client is recognised that has no cookie of Weir's
   * @param random 32 random bits
   */
  constructor (spec: IssuedCookieSpec, before: StickyKeyResolver, random: () => number) {
    this.#spec = spec
    this.#before = before
    this.#random = random
    this.#proven = new ProvenTexts(random)
  }

  resolve (view: RequestView, clientIp: string, key: StickyKey): void {
    const cookies = view.header('cookie')
    const range = this.#range
    if (cookies !== undefined && range.findCookie(cookies, this.#spec.name) && this.#isOwn(cookies.slice(range.start, range.end))) {
      this.owed = false
      key.hash = hashRange(cookies, range.start, range.start + KEY_CHARACTERS)
      key.kind = 'cookie'
      return
    }
    this.owed = true
    this.#before.resolve(view, clientIp, key)
  }

  #isOwn (value: string): boolean {
    if (value.length !== VALUE_CHARACTERS) return false
    if (this.#proven.has(value)) return true
    if (!this.#isSigned(value)) return false
    this.#proven.add(value)
    return true
  }

  #isSigned (value: string): boolean {
    const [, text, keyId, signature] = VALUE.exec(value) ?? []
    if (text === undefined || signature === undefined) return false
    const key = this.#spec.keys.find(({ id }) => id === keyId)
    return key !== undefined && isSignature(key, 'weir-client', { text, signature })
  }

  /**
   * A value of Set-Cookie whose key draws the version that has answered. Null when that has no weight or next to none.
   * @param secure the client's connection is encrypted
   */
  issue (split: Split, version: number, secure: boolean): string | null {
    const [key] = this.#spec.keys
    if (key === undefined || shareOf(split, version) < LEAST_SHARE) return null
    for (let draw = 0; draw < MAX_DRAWS; draw++) {
      const text = this.#randomKey()
      if (split.choose(hashString(text)) === version) return `${this.#spec.name}=${text}.${key.id}.${signatureOf(key, 'weir-client', text)}${this.#attributes(secure)}`
    }
    return null
  }

  #randomKey (): string {
    const bytes = Buffer.allocUnsafe(KEY_CHARACTERS * 3 / 4)
    for (let at = 0; at < bytes.length; at += 4) bytes.writeInt32LE(this.#random() | 0, at)
    return bytes.toString('base64url')
  }

  #attributes (secure: boolean): string {
    const { path, sameSite, secure: policy, maxAgeSeconds, httpOnly } = this.#spec
    const encrypted = policy === 'always' || (policy === 'auto' && secure)
    return `; Path=${path}${maxAgeSeconds === 0 ? '' : `; Max-Age=${maxAgeSeconds}`}; SameSite=${sameSite}${encrypted ? '; Secure' : ''}${httpOnly ? '; HttpOnly' : ''}`
  }
}

/** The share of clients that a version gets. */
function shareOf (split: Split, version: number): number {
  const sum = split.versions.reduce((total, _, index) => total + split.weightOf(index), 0)
  return sum === 0 ? 0 : split.weightOf(version) / sum
}
