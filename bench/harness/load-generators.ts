import { autocannon } from './autocannon.ts'
import type { FullLoad, LoadGenerator } from './load.ts'
import { wrk } from './wrk.ts'

/**
 * The load generators that are there, the one to prefer first: wrk, then autocannon.
 * @throws Error when there is none
 */
export function loadGenerators (): readonly [LoadGenerator, ...LoadGenerator[]] {
  const [first, ...others] = [wrk, autocannon].filter(generator => generator.version() !== undefined)
  if (first === undefined) throw new Error('there is neither wrk nor autocannon: run `npm ci`')
  return [first, ...others]
}

/** For the notes of a results file. */
export function loadNote (generators: readonly FullLoad[]): string {
  return `Load from ${generators.map(generator => `${generator.name} ${generator.version() ?? ''}`).join(' and ')}.`
}
