/** What JSON.parse does not tell: a key that an object has twice (RFC 8259 section 4: what is made of it is unpredictable). */

/** Strings, and the signs by which objects and lists begin and end; a string is a key when a colon follows. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"(?:[ \t\r\n]*:)?|[{}[\]]/g

/**
 * @param text valid JSON
 * @returns the first key that its object has already; undefined when there is none
 */
export function repeatedKey (text: string): string | undefined {
  /** The keys of each object that is open, the innermost last; a list has none. */
  const open: Array<Set<string>> = []
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') {
      open.push(new Set())
    } else if (token === '}' || token === ']') {
      open.pop()
    } else if (token.endsWith(':')) {
      const key = keyOf(token)
      const keys = open.at(-1)
      if (keys?.has(key) === true) return key
      keys?.add(key)
    }
  }
  return undefined
}

/** `"a"` and `"\u0061"` are the same key. */
function keyOf (token: string): string {
  const quoted = token.slice(0, token.lastIndexOf('"') + 1)
  return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1)
}
