import { formatPath, type ConfigPath } from './config-path.ts'

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
