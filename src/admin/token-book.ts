import { createHash, timingSafeEqual } from 'node:crypto'
import type { Static } from 'typebox'
import type { TokenSchema } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import { readWholeFile, type FileFault } from '../core/read-whole-file.ts'
import type { EventLog } from '../core/logger.ts'
import type { PreparedChange } from '../core/prepared-change.ts'

export type TokenConfig = Static<typeof TokenSchema>
export type Role = TokenConfig['role']

/** Who a token stands for. */
export interface TokenHolder {
  readonly name: string
  readonly role: Role
}

interface LoadedToken extends TokenHolder {
  readonly file: string
  readonly digest: Buffer
}

/** What came of reading the file of a token. */
interface Reading {
  readonly config: TokenConfig
  readonly token: LoadedToken | undefined
  readonly fault: string | undefined
  /** Nothing is known of the file, and what was known before is used. */
  readonly kept: boolean
}

/** How files are read; replaced in tests to make it fail. */
export type ReadFile = typeof readWholeFile

/** A token file is read again when it was last read this long ago. */
const REREAD_MS = 1_000
const MAX_FILE_BYTES = 4_096
const MIN_TOKEN_LENGTH = 16
/** RFC 6750 section 2.1: what may follow `Bearer`. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/**
 * The bearer tokens. Their files are read again as they are used, at most once a second, so that a rotated secret needs
 * no restart. A token whose file can't be used is disabled until it can, and the log says so once.
 */
export class TokenBook {
  readonly #clock: Clock
  readonly #log: EventLog
  readonly #readFile: ReadFile
  #configs: readonly TokenConfig[]
  #tokens: readonly LoadedToken[] = []
  /** What was last said of each token, so that a lasting fault is logged once. */
  #faults = new Map<string, string>()
  #readAtMs = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  /** @param configs an empty list leaves the API open */
  constructor (configs: readonly TokenConfig[], clock: Clock, log: EventLog, readFile: ReadFile = readWholeFile) {
    this.#readFile = readFile
    this.#configs = configs
    this.#clock = clock
    this.#log = log
  }

  /** Is there no token at all, so that anybody on this machine may do anything? */
  get open (): boolean {
    return this.#configs.length === 0
  }

  /** Reads the files of the tokens of a new configuration. One that can't be used does not stop it: that token is disabled. */
  async prepare (configs: readonly TokenConfig[]): Promise<PreparedChange> {
    const readAtMs = this.#clock.nowMs()
    const readings = await this.#readAll(configs)
    let goBack = (): void => {}
    return {
      commit: () => {
        const before = { configs: this.#configs, tokens: this.#tokens, faults: this.#faults, readAtMs: this.#readAtMs }
        goBack = () => {
          this.#configs = before.configs
          this.#tokens = before.tokens
          this.#faults = before.faults
          this.#readAtMs = before.readAtMs
        }
        this.#configs = configs
        this.#tokens = readings.flatMap(({ token }) => token ?? [])
        this.#faults = new Map()
        this.#readAtMs = readAtMs
      },
      settle: () => { this.#report(readings) },
      discard: () => { goBack() }
    }
  }

  /**
   * Finds who a token belongs to. The time it takes does not depend on how much of a token was guessed: digests of equal
   * length are compared in constant time, and all of them, always.
   */
  async find (presented: string): Promise<TokenHolder | undefined> {
    await this.#refresh()
    const digest = digestOf(presented)
    let found: TokenHolder | undefined
    for (const token of this.#tokens) {
      const equal = timingSafeEqual(digest, token.digest)
      found = equal && found === undefined ? token : found
    }
    return found
  }

  async #refresh (): Promise<void> {
    if (this.#clock.nowMs() - this.#readAtMs < REREAD_MS) return
    this.#reading ??= this.#read().finally(() => { this.#reading = undefined })
    await this.#reading
  }

  async #read (): Promise<void> {
    const configs = this.#configs
    const readings = await this.#readAll(configs)
    // A reload has brought others meanwhile, and what was read of them.
    if (configs !== this.#configs) return
    this.#tokens = readings.flatMap(({ token }) => token ?? [])
    this.#readAtMs = this.#clock.nowMs()
    this.#report(readings)
  }

  async #readAll (configs: readonly TokenConfig[]): Promise<readonly Reading[]> {
    const readings: Reading[] = []
    for (const config of configs) {
      const { name, role, file } = config
      const result = await readToken(file, this.#readFile)
      // Out of descriptors says nothing of the file: the token goes on as it was.
      const known = 'kept' in result
        ? this.#tokens.find(token => token.name === name && token.role === role && token.file === file)
        : undefined
      const token = 'digest' in result ? { name, role, file, digest: result.digest } : known
      readings.push({
        config,
        token,
        fault: token === undefined && 'fault' in result ? result.fault : undefined,
        kept: known !== undefined
      })
    }
    return readings
  }

  #report (readings: readonly Reading[]): void {
    for (const { config, fault, kept } of readings) if (!kept) this.#reportOne(config, fault)
  }

  #reportOne (config: TokenConfig, fault: string | undefined): void {
    if (fault === this.#faults.get(config.name)) return
    if (fault === undefined) {
      this.#faults.delete(config.name)
      this.#log.info('a token of the admin API can be used again', { token: config.name })
      return
    }
    this.#faults.set(config.name, fault)
    this.#log.error('a token of the admin API is disabled until its file is right', { token: config.name, file: config.file, fault })
  }
}

/** Reads the token in a file. @returns what is wrong with it, or its digest; `kept`: a fault that is none of the file */
export async function readToken (
  path: string, read: ReadFile = readWholeFile
): Promise<{ readonly digest: Buffer } | { readonly fault: string, readonly kept?: true }> {
  const file = await read(path, MAX_FILE_BYTES)
  if ('fault' in file) return { fault: explain(file.fault), ...(file.fault.kind === 'exhausted' ? { kept: true } : {}) }
  const text = file.bytes.toString('latin1')
  const token = text.replace(/[\r\n]+$/, '')
  if (token === '') return { fault: 'it is empty' }
  if (token.length < MIN_TOKEN_LENGTH) return { fault: `the token is shorter than ${MIN_TOKEN_LENGTH} characters` }
  if (!TOKEN.test(token)) return { fault: 'the token has characters that a bearer token can\'t have (RFC 6750); use letters, digits and -._~+/' }
  return { digest: digestOf(token) }
}

function explain ({ kind, phrase, systemMessage }: FileFault): string {
  if (kind === 'large') return `it is longer than ${MAX_FILE_BYTES} bytes`
  return systemMessage === '' ? `it ${phrase}` : systemMessage
}

function digestOf (text: string): Buffer {
  return createHash('sha256').update(text, 'latin1').digest()
}
