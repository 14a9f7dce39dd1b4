import { createRequire } from 'node:module'

/**
 * Loads a CommonJS package for its caller alone: Node forgets it, so that its memory is free when the caller has done with it. For what
 * is needed once in a long time. The same package loaded twice is two, whose classes are not the same.
 * @returns what the package exports; the caller knows its type
 */
export function loadForNow (name: string): unknown {
  // One of its own: it keeps what it has loaded.
  const require = createRequire(import.meta.url)
  const before = new Set(Object.keys(require.cache))
  const loaded: unknown = require(name)
  for (const file of Object.keys(require.cache)) if (!before.has(file)) Reflect.deleteProperty(require.cache, file)
  return loaded
}
