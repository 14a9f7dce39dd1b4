/**
 * Reading JSON that nobody has checked: each function gives the value if it has the type asked for, else undefined.
 */

export type UntrustedObject = Readonly<Record<string, unknown>>

/** Undefined for a text that is not JSON. */
export function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function asObject (value: unknown): UntrustedObject | undefined {
  // A checked cast: after these tests every property of the value may be read as unknown.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as UntrustedObject : undefined
}

export function asText (value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A list; empty for anything else, such as the null that Kubernetes writes for an empty one. */
export function asList (value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
