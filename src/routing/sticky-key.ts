/**
 * What a client is recognised by, as a hash: its address, a header or a cookie.
 */
import { assertNever } from '../core/assert-never.ts'
import { hashRange, hashString } from '../core/hash.ts'
import type { Affinity } from '../contract/route-spec.ts'
import { IpKey } from './ip-key.ts'
import type { RequestView } from '../http/http-request.ts'
import type { StickyKeyKind } from '../contract/questions.ts'

const TAB = 0x09
const SPACE = 0x20
const QUOTE = 0x22
const SEMICOLON = 0x3b
const EQUALS = 0x3d

/**
 * The key hash of a cookie's value, or `undefined` when the cookie is missing or empty.
 *
 * Read as RFC 6265 section 5.4 has user agents write it: pairs separated by `;`, names compared exactly, the first of
 * several wins, quotes around the value are not part of it. A `;` inside quotes ends the pair, as it does for most origins.
 *
 * No substring is made: this runs for every request of a route with `affinity.by: cookie`.
 * @param header the value of Cookie
 * @param name the cookie's name, in its exact case
 */
function cookieKeyHash (header: string, name: string): number | undefined {
  let found = header.indexOf(name)
  while (found !== -1) {
    const equals = found + name.length
    if (header.charCodeAt(equals) === EQUALS && startsPair(header, found)) return valueHash(header, equals + 1)
    found = header.indexOf(name, equals)
  }
  return undefined
}

/** Is there only white space between `index` and the `;` or the start of the header before it? */
function startsPair (header: string, index: number): boolean {
  let before = index - 1
  while (before >= 0 && isWhitespace(header.charCodeAt(before))) before--
  return before < 0 || header.charCodeAt(before) === SEMICOLON
}

function valueHash (header: string, start: number): number | undefined {
  let from = start
  const semicolon = header.indexOf(';', start)
  let to = semicolon === -1 ? header.length : semicolon
  while (from < to && isWhitespace(header.charCodeAt(from))) from++
  while (to > from && isWhitespace(header.charCodeAt(to - 1))) to--
  if (to - from > 1 && header.charCodeAt(from) === QUOTE && header.charCodeAt(to - 1) === QUOTE) {
    from++
    to--
  }
  return from === to ? undefined : hashRange(header, from, to)
}

function isWhitespace (code: number): boolean {
  return code === SPACE || code === TAB
}

/**
 * The sticky key of one request. Its owner keeps one and has it filled again for every request, so that two results come
 * back without an object for each request.
 */
export class StickyKey {
  /** A signed 32-bit integer. */
  hash = 0
  kind: StickyKeyKind = 'random'
}

/** How the requests of one route are recognised. */
export interface StickyKeyResolver {
  /** Fills `key`. `clientIp` is the address that resolveClientIp found. */
  resolve (view: RequestView, clientIp: string, key: StickyKey): void
}

/**
 * Prepares what `affinity` asks for. A request that lacks the header or the cookie, or has it empty, is recognised by its
 * client IP instead.
 * @param random 32 random bits for each call, signed or unsigned; used by `by: none` only
 * @throws RangeError when the name of the header or cookie is missing
 */
export function compileStickyKey (affinity: Affinity, random: () => number): StickyKeyResolver {
  switch (affinity.by) {
    case 'client-ip': return new ClientIpResolver()
    case 'header': return new HeaderResolver(nameOf(affinity.header, 'header'))
    case 'cookie': return new CookieResolver(nameOf(affinity.cookie, 'cookie'))
    case 'none': return new RandomResolver(random)
    default: return assertNever(affinity.by)
  }
}

function nameOf (name: string | undefined, option: 'header' | 'cookie'): string {
  if (name === undefined || name === '') {
    throw new RangeError(`affinity.by: ${option} needs affinity.${option}, the name of the ${option}`)
  }
  return name
}

class ClientIpResolver implements StickyKeyResolver {
  readonly #ipKey = new IpKey()

  resolve (_view: RequestView, clientIp: string, key: StickyKey): void {
    key.hash = this.#ipKey.hash(clientIp)
    key.kind = 'client-ip'
  }
}

class HeaderResolver implements StickyKeyResolver {
  readonly #lowerName: string
  readonly #fallback = new ClientIpResolver()

  constructor (name: string) {
    this.#lowerName = name.toLowerCase()
  }

  resolve (view: RequestView, clientIp: string, key: StickyKey): void {
    const value = view.header(this.#lowerName)
    if (value === undefined || value === '') {
      this.#fallback.resolve(view, clientIp, key)
      return
    }
    key.hash = hashString(value)
    key.kind = 'header'
  }
}

class CookieResolver implements StickyKeyResolver {
  readonly #name: string
  readonly #fallback = new ClientIpResolver()

  constructor (name: string) {
    this.#name = name
  }

  resolve (view: RequestView, clientIp: string, key: StickyKey): void {
    const cookies = view.header('cookie')
    const hash = cookies === undefined ? undefined : cookieKeyHash(cookies, this.#name)
    if (hash === undefined) {
      this.#fallback.resolve(view, clientIp, key)
      return
    }
    key.hash = hash
    key.kind = 'cookie'
  }
}

class RandomResolver implements StickyKeyResolver {
  readonly #random: () => number

  constructor (random: () => number) {
    this.#random = random
  }

  resolve (_view: RequestView, _clientIp: string, key: StickyKey): void {
    key.hash = this.#random() | 0
    key.kind = 'random'
  }
}

/** The hash of a sticky key as the access log and explanations show it: eight hexadecimal digits. */
export function keyHashText (keyHash: number): string {
  return (keyHash >>> 0).toString(16).padStart(8, '0')
}
