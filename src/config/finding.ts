/**
 * What the rules find in a configuration, and where.
 */

/** The way from the root of a configuration to a value: keys of mappings and positions in lists. */
export type ConfigPath = readonly (string | number)[]

/** Writes a path as people do: `routes[0].match.hosts[1]`. Keys that are not plain words are quoted. */
export function formatPath (path: ConfigPath): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(step.length > 64 ? `${step.slice(0, 64)}…` : step)}]`
  }
  return text
}

/** `steps[2].setWeight` as a path. What is no plain word is the schema's to tell of. */
export function readPath (text: string): ConfigPath {
  return [...text.matchAll(/\[([0-9]+)\]|[^.[\]]+/g)].map(([step, index]) => index === undefined ? step : Number(index))
}

/** The value at a path; undefined where the path leads nowhere. */
export function valueAt (root: unknown, path: ConfigPath): unknown {
  let value = root
  for (const step of path) {
    if (Array.isArray(value)) value = typeof step === 'number' ? value[step] : undefined
    else if (isMapping(value) && Object.hasOwn(value, step)) value = value[step]
    else return undefined
  }
  return value
}

/** Is this what a YAML mapping becomes? */
export function isMapping (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a rule has to say of a configuration that the schema accepts. A fault refuses it; a warning does not. */
export interface Finding {
  readonly severity: 'fault' | 'warning'
  readonly path: ConfigPath
  readonly message: string
}

export function fault (path: ConfigPath, message: string): Finding {
  return { severity: 'fault', path, message }
}

export function warning (path: ConfigPath, message: string): Finding {
  return { severity: 'warning', path, message }
}

/**
 * A fault for each key that is there before.
 * @param keys the keys of a list's entries; undefined where an entry has none
 * @param at where the key of an entry stands
 * @param explain the message, told where the key stands first
 */
export function findDuplicates (
  keys: readonly (string | undefined)[], at: (index: number) => ConfigPath, explain: (first: string) => string
): readonly Finding[] {
  const seen = new Map<string, number>()
  const findings: Finding[] = []
  for (const [index, key] of keys.entries()) {
    if (key === undefined) continue
    const first = seen.get(key)
    if (first === undefined) seen.set(key, index)
    else findings.push(fault(at(index), explain(formatPath(at(first)))))
  }
  return findings
}

/** A fault when `read` throws a RangeError; its message says what is wrong. */
export function findUnreadable (path: ConfigPath, read: () => unknown): readonly Finding[] {
  try {
    read()
    return []
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return [fault(path, error.message)]
  }
}
