/**
 * Signed overrides: `v1~KEY~EXPIRES~ROUTE~VERSION~SIGNATURE`. A name holds no `~`, so nothing has to be quoted, in a field as in a cookie.
 * Whoever has one may use it until it expires, on its route alone.
 */
import type { OverrideSpec, SigningKey } from '../contract/placement-spec.ts'
import { isSignature, signatureOf } from './signing-key.ts'

const FORMAT = 'v1'
const SEPARATOR = '~'
/** More than two names, a number and a signature take. */
const MAX_CHARACTERS = 256
/** Clocks differ by so much. */
const SKEW_MS = 60_000
/** Verified tokens that are remembered: as many as there are people who try a version at a time. */
const MAX_KNOWN = 64

/** What a token says. */
interface OverrideClaim {
  readonly route: string
  readonly version: string
  /** Seconds since the Unix epoch. */
  readonly expires: number
}

export function signOverride (key: SigningKey, { route, version, expires }: OverrideClaim): string {
  const text = [FORMAT, key.id, expires, route, version].join(SEPARATOR)
  return `${text}${SEPARATOR}${signatureOf(key, 'weir-version', text)}`
}

/** What is wrong with a token; empty when it counts. */
interface TokenReading {
  readonly version: string
  readonly fault: string
  readonly untilMs: number
}

/** Reads the overrides of one route. */
export class OverrideTokens {
  readonly #spec: OverrideSpec
  readonly #wallMs: () => number
  /** Tokens that are good, with the version, until they expire. */
  readonly #known = new Map<string, TokenReading>()

  constructor (spec: OverrideSpec, wallMs: () => number) {
    this.#spec = spec
    this.#wallMs = wallMs
  }

  /** @returns the version that it names, whether the route has it or not, or what is wrong with it */
  read (token: string): TokenReading {
    const nowMs = this.#wallMs()
    const known = this.#known.get(token)
    if (known !== undefined && nowMs < known.untilMs) return known
    this.#known.delete(token)
    const reading = this.#verify(token, nowMs)
    if (reading.fault === '') this.#remember(token, reading)
    return reading
  }

  #remember (token: string, reading: TokenReading): void {
    if (this.#known.size >= MAX_KNOWN) {
      const [oldest] = this.#known.keys()
      if (oldest !== undefined) this.#known.delete(oldest)
    }
    this.#known.set(token, reading)
  }

  #verify (token: string, nowMs: number): TokenReading {
    if (token.length > MAX_CHARACTERS) return refused('it is longer than a token')
    const parts = token.split(SEPARATOR)
    const [format, keyId, expires = '', route = '', version = '', signature = ''] = parts
    if (parts.length !== 6 || format !== FORMAT || !/^[0-9]{1,12}$/.test(expires)) return refused('it is no token')
    const { route: own, keys } = this.#spec
    const key = keys.find(({ id }) => id === keyId)
    if (key === undefined) return refused('its key is in no key file any more, or never was')
    if (!isSignature(key, 'weir-version', { text: parts.slice(0, 5).join(SEPARATOR), signature })) return refused('its signature is wrong')
    if (route !== own) return refused(`it is signed for the route ${route}`)
    const untilMs = Number(expires) * 1_000 + SKEW_MS
    if (nowMs >= untilMs) return refused(`it has expired at ${new Date(Number(expires) * 1_000).toISOString()}`)
    return { version, fault: '', untilMs }
  }
}

function refused (fault: string): TokenReading {
  return { version: '', fault, untilMs: 0 }
}
