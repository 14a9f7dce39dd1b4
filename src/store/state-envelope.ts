/**
 * What is in a state file: the value inside an envelope that says what the file is.
 *
 *     {"format":"weir-state","formatVersion":1,"version":"42","value":{…}}
 */
import type { StateCodec, Versioned } from './state-store.ts'

const FORMAT = 'weir-state'
const FORMAT_VERSION = 1

/** The text of a state file. */
export function sealStateEnvelope<T> (codec: StateCodec<T>, current: Versioned<T>): string {
  const head = JSON.stringify({ format: FORMAT, formatVersion: FORMAT_VERSION, version: current.version })
  return `${head.slice(0, -1)},"value":${codec.encode(current.value)}}\n`
}

/**
 * Reads the text of a state file.
 * @throws Error with a message for people when it is not one, or one of a newer Weir
 */
export function openStateEnvelope<T> (codec: StateCodec<T>, text: string): Versioned<T> {
  if (text.trim() === '') throw new Error('the file is empty')
  let plain: unknown
  try {
    plain = JSON.parse(text)
  } catch {
    throw new Error('it is not valid JSON: cut off or overwritten')
  }
  if (typeof plain !== 'object' || plain === null) throw new Error('it is not a state file of Weir')
  const { format, formatVersion, version, value }: { format?: unknown, formatVersion?: unknown, version?: unknown, value?: unknown } = plain
  if (format !== FORMAT) throw new Error('it is not a state file of Weir')
  if (formatVersion !== FORMAT_VERSION) throw new Error(`its format version is ${JSON.stringify(formatVersion)}; this Weir reads ${FORMAT_VERSION}`)
  if (typeof version !== 'string' || !/^[0-9]{1,15}$/.test(version)) throw new Error('its version is not a number')
  return { version, value: codec.decode(value) }
}
