/**
 * What a client is recognised by, as a hash: its address, a header or a cookie.
 */
import { assertNever } from '../core/assert-never.ts'
import { hashRange, hashString } from '../core/hash.ts'
import type { Affinity } from '../contract/route-spec.ts'
import { IpKey } from './ip-key.ts'
import type { RequestView } from '../http/http-request.ts'
import type { StickyKeyKind } from '../contract/questions.ts'
import { TextRange } from './text-range.ts'

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
export function compileStickyKey (affinity: Omit<Affinity, 'issue'>, random: () => number): StickyKeyResolver {
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

/** A cookie that is empty is none. */
class CookieResolver implements StickyKeyResolver {
  readonly #name: string
  readonly #range = new TextRange()
  readonly #fallback = new ClientIpResolver()

  constructor (name: string) {
    this.#name = name
  }

  resolve (view: RequestView, clientIp: string, key: StickyKey): void {
    const cookies = view.header('cookie')
    const range = this.#range
    if (cookies === undefined || !range.findCookie(cookies, this.#name) || range.start === range.end) {
      this.#fallback.resolve(view, clientIp, key)
      return
    }
    key.hash = hashRange(cookies, range.start, range.end)
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
