import { createRequire } from 'node:module'

/** @returns what the package exports; the caller knows its type */
export type LoadForNow = (name: string) => object

/**
 * Makes what loads CommonJS packages for its caller alone: Node forgets them, so that their memory is free when the caller has done with
 * them. For what is needed once in a long time. One that the garbage collector has not taken yet is used again, so a row of loads costs
 * one. The same package loaded twice is two, whose classes are not the same.
 */
export function createLoadForNow (): LoadForNow {
  const known = new Map<string, WeakRef<object>>()
  return name => {
    const still = known.get(name)?.deref()
    if (still !== undefined) return still
    // One of its own: it keeps what it has loaded.
    const require = createRequire(import.meta.url)
    const before = new Set(Object.keys(require.cache))
    const loaded: unknown = require(name)
    for (const file of Object.keys(require.cache)) if (!before.has(file)) Reflect.deleteProperty(require.cache, file)
    if (typeof loaded !== 'object' || loaded === null) throw new TypeError(`${name} does not export an object`)
    known.set(name, new WeakRef(loaded))
    return loaded
  }
}
