/**
 * The secret that the replicas of one Weir share: one line of a file, or several while it is changed.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import type { EventLog } from '../core/logger.ts'
import { readWholeFile, type FileFault } from '../core/read-whole-file.ts'
import { withoutPaths } from '../core/without-paths.ts'

/** The keys of a file: the first signs, all are accepted. Never empty. */
export type ReplicaKeys = readonly [KeyObject, ...KeyObject[]]

type SecretReading = { readonly keys: ReplicaKeys } | { readonly fault: string, readonly kept?: true }

/** The file is read again when it was last read this long ago. */
const REREAD_MS = 1_000
const MAX_FILE_BYTES = 4_096
const MIN_LENGTH = 32
/** The old one, the new one, and room for mistakes. */
const MAX_LINES = 4

/**
 * Reads the secrets of a file. @returns what is wrong with it, or the keys; `kept`: a fault that is none of the file
 */
export async function readReplicaSecret (path: string, read: typeof readWholeFile = readWholeFile): Promise<SecretReading> {
  const file = await read(path, MAX_FILE_BYTES)
  if ('fault' in file) return { fault: explain(file.fault), ...(file.fault.kind === 'exhausted' ? { kept: true } : {}) }
  const lines = file.bytes.toString('latin1').split(/\r?\n/).filter(line => line !== '')
  const [first, ...others] = lines
  if (first === undefined) return { fault: 'it is empty' }
  if (lines.length > MAX_LINES) return { fault: `it has ${lines.length} lines; ${MAX_LINES} are allowed, one for each secret` }
  for (const [index, line] of lines.entries()) {
    if (!/^[!-~]+$/.test(line)) return { fault: `line ${index + 1} has a space, or a character that is not visible ASCII` }
    if (line.length < MIN_LENGTH) return { fault: `line ${index + 1} is shorter than ${MIN_LENGTH} characters; \`openssl rand -base64 32\` makes a good one` }
  }
  return { keys: [keyOf(first), ...others.map(keyOf)] }
}

function keyOf (line: string): KeyObject {
  return createSecretKey(Buffer.from(line, 'latin1'))
}

function explain ({ kind, phrase, systemMessage }: FileFault): string {
  if (kind === 'large') return `it is longer than ${MAX_FILE_BYTES} bytes`
  return systemMessage === '' ? `it ${phrase}` : systemMessage
}

/**
 * The secret as its file has it now: read again as it is used, at most once a second. Without a file that can be used there is none,
 * nobody is believed, and the log says so once.
 */
export class ReplicaSecret {
  readonly #path: string
  readonly #clock: Clock
  readonly #log: EventLog
  readonly #readFile: typeof readWholeFile
  #keys: ReplicaKeys | undefined
  #fault = ''
  #readAtMs = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor (path: string, clock: Clock, log: EventLog, readFile: typeof readWholeFile = readWholeFile) {
    this.#path = path
    this.#clock = clock
    this.#log = log
    this.#readFile = readFile
  }

  /** What is wrong with the file, for whoever may ask, so without its path; empty when nothing is. */
  get fault (): string { return withoutPaths(this.#fault) }

  /** Undefined while the file can't be used. */
  async keys (): Promise<ReplicaKeys | undefined> {
    if (this.#clock.nowMs() - this.#readAtMs >= REREAD_MS) {
      this.#reading ??= this.#read().finally(() => { this.#reading = undefined })
      await this.#reading
    }
    return this.#keys
  }

  async #read (): Promise<void> {
    const reading = await readReplicaSecret(this.#path, this.#readFile)
    this.#readAtMs = this.#clock.nowMs()
    // Out of descriptors says nothing of the file.
    if ('kept' in reading && this.#keys !== undefined) return
    const fault = 'fault' in reading ? reading.fault : ''
    this.#keys = 'keys' in reading ? reading.keys : undefined
    if (fault === this.#fault) return
    this.#fault = fault
    if (fault === '') this.#log.info('the secret of the replicas can be used again', { file: this.#path })
    else this.#log.error('the secret of the replicas can\'t be used: no other replica is believed until its file is right', { file: this.#path, fault })
  }
}
