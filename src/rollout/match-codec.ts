/** Reads the match and the mirror of a rollout as they are stored. */
import type { RequestTest } from '../contract/placement-spec.ts'
import { amountAt, listAt, recordAt } from '../core/values-at.ts'
import { knownMatch, MATCH_BOUNDS } from '../plans/read-match.ts'
import type { StepMatch, StepMirror } from '../plans/rollout-plan.ts'
import { writeMatch } from '../plans/write-match.ts'

/** @throws Error naming the first place that is wrong */
export function decodeMatch (plain: unknown, place: string): StepMatch {
  const value = recordAt(plain, place)
  const stored = {
    match: listAt(value['match'], `${place}.match`, MATCH_BOUNDS.entries).map((each, index) => entryAt(each, `${place}.match[${index}]`)),
    alwaysNever: listAt(value['alwaysNever'], `${place}.alwaysNever`, MATCH_BOUNDS.entries).map((each, index) => {
      const { by, name } = recordAt(each, `${place}.alwaysNever[${index}]`)
      return { by, name }
    })
  }
  // What people could not have written is no match, however it is stored.
  return knownMatch(writeMatch(stored as StepMatch), place)
}

function entryAt (plain: unknown, place: string): RequestTest {
  const value = recordAt(plain, place)
  const testAt = (test: unknown, at: string): unknown => {
    const { kind, value: text } = recordAt(test, at)
    return { kind, value: text }
  }
  const named = (key: string): unknown => listAt(value[key], `${place}.${key}`).map((each, index) => {
    const { name, test } = recordAt(each, `${place}.${key}[${index}]`)
    return { name, test: testAt(test, `${place}.${key}[${index}].test`) }
  })
  const whole = (key: 'path' | 'host'): object => value[key] === undefined ? {} : { [key]: testAt(value[key], `${place}.${key}`) }
  return {
    headers: named('headers'),
    cookies: named('cookies'),
    query: named('query'),
    methods: listAt(value['methods'], `${place}.methods`),
    ...whole('path'),
    ...whole('host')
  } as RequestTest
}

export function decodeMirror (plain: unknown, place: string): StepMirror {
  return { percent: amountAt(recordAt(plain, place)['percent'], 100, `${place}.percent`) }
}
