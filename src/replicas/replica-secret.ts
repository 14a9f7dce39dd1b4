/**
 * The secret that the replicas of one Weir share: one line of a file, or several while it is changed.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { readWholeFile, type FileFault } from '../core/read-whole-file.ts'

/** The keys of a file: the first signs, all are accepted. Never empty. */
type ReplicaKeys = readonly [KeyObject, ...KeyObject[]]

type SecretReading = { readonly keys: ReplicaKeys } | { readonly fault: string, readonly kept?: true }

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
