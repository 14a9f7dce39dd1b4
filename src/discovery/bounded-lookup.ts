import type { NameLookup } from './name-lookup.ts'

/** So many lookups at a time: the system's own wait in threads that files are read by too. */
const MAX_AT_ONCE = 4

/** The same lookup, of which only a few are under way at a time; the others wait in the order in which they came. */
export function boundedLookup (lookUp: NameLookup, atOnce = MAX_AT_ONCE): NameLookup {
  const waiting: (() => void)[] = []
  let running = 0
  return async name => {
    if (running >= atOnce) await new Promise<void>(resolve => { waiting.push(resolve) })
    else running++
    try {
      return await lookUp(name)
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
