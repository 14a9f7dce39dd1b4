/**
 * Whether a request may say which version it gets: by `X-Weir-Version` or the cookie `weir-version`, signed or from a trusted network.
 */
import type { OverrideSpec } from '../contract/placement-spec.ts'
import { CidrSet } from '../core/cidr-set.ts'
import { OVERRIDE_COOKIE, OVERRIDE_FIELD } from '../core/override-names.ts'
import { OverrideTokens } from './override-token.ts'
import { fieldSource, type RequestTexts, type TextSource, valueOf } from './request-texts.ts'

const HEADER = fieldSource('header', OVERRIDE_FIELD)
const COOKIE = fieldSource('cookie', OVERRIDE_COOKIE)

/** What an override comes to. */
interface OverrideReading {
  /** Empty when it does not count. */
  readonly version: string
  readonly why: string
}

export class OverrideReader {
  readonly #tokens: OverrideTokens
  readonly #trusted: CidrSet
  readonly #versions: readonly string[]

  /** @param versions those of the route */
  constructor (spec: OverrideSpec, versions: readonly string[], wallMs: () => number) {
    this.#tokens = new OverrideTokens(spec, wallMs)
    this.#trusted = new CidrSet(spec.trustedNetworks)
    this.#versions = versions
  }

  /** The version that an override of the request names; empty when none counts. */
  versionOf (texts: RequestTexts): string {
    return this.explain(texts).version
  }

  /** The field is asked first, then the cookie: the first that counts. Of several cookies it is the first; several lines never count. */
  explain (texts: RequestTexts): OverrideReading {
    const field = this.#judge(HEADER, texts)
    if (field !== undefined && field.version !== '') return field
    const cookie = this.#judge(COOKIE, texts)
    if (cookie !== undefined && (cookie.version !== '' || field === undefined)) return cookie
    return field ?? { version: '', why: 'the request has none' }
  }

  #judge (source: TextSource, texts: RequestTexts): OverrideReading | undefined {
    const text = valueOf(source, texts)
    if (text === undefined) return undefined
    const { about: what } = source
    const { clientIp } = texts
    if (this.#versions.includes(text)) {
      return this.#trusted.has(clientIp)
        ? { version: text, why: `${what} comes from a trusted network` }
        : { version: '', why: `${what} is not signed, and ${clientIp} is in no trusted network` }
    }
    const { version, fault } = this.#tokens.read(text)
    if (fault !== '') return { version: '', why: `${what} does not count: ${fault}` }
    if (!this.#versions.includes(version)) return { version: '', why: `${what} names the version ${version}, which the route has not` }
    return { version, why: `${what} is signed` }
  }
}
