/** One thing that is wrong with a configuration, or merely odd. */
export interface ConfigFault {
  /** The option, such as `routes[0].versions[1].weight`; empty when the fault is not about one. */
  readonly path: string
  /** The value that was given, as short text; null when nothing was. */
  readonly value: string | null
  /** What is wrong, and what is allowed. */
  readonly message: string
  /** Where the value was given: `weir.yaml:12:9`, `env WEIR_ADMIN_PORT` or `flag --admin-port`. */
  readonly source: string
}

/** The source of what is wrong with the command line as a whole; of what is wrong with one flag, before its name. */
export const COMMAND_LINE = 'command line'
export const FLAG = 'flag '

/** More faults than this are counted, not listed. */
export const MAX_FAULTS = 100

/** The configuration can't be used. Carries every fault that was found, up to MAX_FAULTS. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[]
  /** How many faults were found beyond those listed. */
  readonly omitted: number
  /** Is something wrong with the arguments of the command, beside whatever else is? */
  readonly blamesArguments: boolean
  /** It says nothing of the configuration: no descriptor was free to read it with. */
  readonly exhausted: boolean

  /**
   * @param faults at least one
   * @param more how many there are beyond those
   * @param exhausted no descriptor was free
   */
  constructor (faults: readonly ConfigFault[], more = 0, exhausted = false) {
    const listed = faults.slice(0, MAX_FAULTS)
    const omitted = faults.length - listed.length + more
    const lines = listed.map(formatFault)
    if (omitted > 0) lines.push(`… and ${omitted} more`)
    super(lines.join('\n'))
    this.name = 'ConfigError'
    this.faults = listed
    this.omitted = omitted
    this.exhausted = exhausted
    this.blamesArguments = faults.some(({ source }) => source === COMMAND_LINE || source.startsWith(FLAG))
  }
}

/** One line for people: place, option, fault, value. */
export function formatFault (fault: ConfigFault): string {
  const option = fault.path === '' ? '' : ` ${fault.path}:`
  const given = fault.value === null || fault.message.startsWith(fault.value) ? '' : `; given: ${fault.value}`
  return `${fault.source}:${option} ${fault.message}${given}`
}

/** What is wrong, or odd, with a file that an option names. @param found its `message` goes on from the name of the file */
export function fileFault (
  { path, file, message }: { readonly path: string, readonly file: string, readonly message: string }, source: string
): ConfigFault {
  return { path, source, value: showPath(file), message: `names a file that ${message}` }
}

const MAX_LENGTH = 80

/** A given value as short text for an error message: JSON where that can say it, control characters escaped. */
export function showValue (value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value === 'string') return shorten(JSON.stringify(value.slice(0, MAX_LENGTH + 1)))
  if (typeof value !== 'object') return shorten(String(value))
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  const keys = Object.keys(value)
  return keys.length === 0 ? 'an empty mapping' : shorten(`a mapping with ${keys.slice(0, 8).map(key => JSON.stringify(key.slice(0, MAX_LENGTH))).join(', ')}`)
}

/** The path of a file, whole: one that is cut off leads nowhere. */
function showPath (path: string): string {
  return JSON.stringify(path)
}

function shorten (text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 1)}…`
}
