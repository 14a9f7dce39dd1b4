/**
 * A secret that is kept in a file: one line, or several while it is changed.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Clock } from './clock.ts'
import { readWholeFile, type FileFault } from './read-whole-file.ts'
import { withoutPaths } from './without-paths.ts'

/** The keys of a file, in its order. Never empty. */
export type SecretKeys = readonly [KeyObject, ...KeyObject[]]

type SecretReading = { readonly keys: SecretKeys } | { readonly fault: string, readonly kept?: true }

interface SecretFileDeps {
  readonly clock: Clock
  /** What is wrong with the file is something else now; empty when nothing is. */
  readonly onFault?: (fault: string) => void
  /** How a file is read; replaced in tests to make it fail. */
  readonly readFile?: typeof readWholeFile
}

/** The file is read again when it was last read this long ago. */
const REREAD_MS = 1_000
const MAX_FILE_BYTES = 4_096
const MIN_LENGTH = 32
/** The old one, the new one, and room for mistakes. */
const MAX_LINES = 4

/**
 * Reads the keys of a file. @returns what is wrong with it, or the keys; `kept`: a fault that is none of the file
 */
export async function readSecretKeys (path: string, read: typeof readWholeFile = readWholeFile): Promise<SecretReading> {
  const file = await read(path, MAX_FILE_BYTES)
  if ('fault' in file) return { fault: explain(file.fault), ...(file.fault.kind === 'exhausted' ? { kept: true } : {}) }
  const secrets = parseSecrets(file.bytes)
  if ('fault' in secrets) return secrets
  const [first, ...others] = secrets.lines
  return { keys: [keyOf(first), ...others.map(keyOf)] }
}

/** The lines of such a file: what is wrong with them, or all of them. */
export function parseSecrets (bytes: Buffer): { readonly lines: readonly [string, ...string[]] } | { readonly fault: string } {
  const lines = bytes.toString('latin1').split(/\r?\n/).filter(line => line !== '')
  const [first, ...others] = lines
  if (first === undefined) return { fault: 'it is empty' }
  if (lines.length > MAX_LINES) return { fault: `it has ${lines.length} lines; ${MAX_LINES} are allowed, one for each secret` }
  for (const [index, line] of lines.entries()) {
    if (!/^[!-~]+$/.test(line)) return { fault: `line ${index + 1} has a space, or a character that is not visible ASCII` }
    if (line.length < MIN_LENGTH) return { fault: `line ${index + 1} is shorter than ${MIN_LENGTH} characters; \`openssl rand -base64 32\` makes a good one` }
  }
  return { lines: [first, ...others] }
}

function keyOf (line: string): KeyObject {
  return createSecretKey(Buffer.from(line, 'latin1'))
}

function explain ({ kind, phrase, systemMessage }: FileFault): string {
  if (kind === 'large') return `it is longer than ${MAX_FILE_BYTES} bytes`
  return systemMessage === '' ? `it ${phrase}` : systemMessage
}

/** The secret as its file has it now: read again as it is used, at most once a second. Without a file that can be used there is none. */
export class SecretFile {
  readonly #path: string
  readonly #deps: SecretFileDeps
  #keys: SecretKeys | undefined
  #fault = ''
  #readAtMs = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor (path: string, deps: SecretFileDeps) {
    this.#path = path
    this.#deps = deps
  }

  /** What is wrong with the file, for whoever may ask, so without its path; empty when nothing is. */
  get fault (): string { return withoutPaths(this.#fault) }

  /** Undefined while the file can't be used. */
  async keys (): Promise<SecretKeys | undefined> {
    const { clock } = this.#deps
    if (clock.nowMs() - this.#readAtMs >= REREAD_MS) {
      this.#reading ??= this.#read().finally(() => { this.#reading = undefined })
      await this.#reading
    }
    return this.#keys
  }

  async #read (): Promise<void> {
    const { clock, readFile, onFault } = this.#deps
    const reading = await readSecretKeys(this.#path, readFile)
    this.#readAtMs = clock.nowMs()
    // Out of descriptors says nothing of the file.
    if ('kept' in reading && this.#keys !== undefined) return
    const fault = 'fault' in reading ? reading.fault : ''
    this.#keys = 'keys' in reading ? reading.keys : undefined
    if (fault === this.#fault) return
    this.#fault = fault
    onFault?.(fault)
  }
}
