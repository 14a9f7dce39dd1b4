/** Reads the match and the mirror of a rollout as they are stored. */
import type { AlwaysNever, NamedTest, RequestTest, TextTest } from '../contract/placement-spec.ts'
import { amountAt, listAt, oneOfAt, recordAt, wordsAt } from '../core/values-at.ts'
import { alwaysNeverFault, MATCH_BOUNDS, type MatchFault, requestTestFault } from '../plans/read-match.ts'
import type { StepMatch, StepMirror } from '../plans/rollout-plan.ts'

/** Hears what of a stored state is left out, and why. */
export type DroppedListener = (place: string, why: string) => void

/**
 * What an older Weir took and this one would refuse, for it can never hold, is left out: weights and steps are not to be lost with it.
 * @returns null when nothing is left of it
 * @throws Error naming the first place that is no match of any Weir
 */
export function decodeMatch (plain: unknown, place: string, dropped: DroppedListener): StepMatch | null {
  const value = recordAt(plain, place)
  const { entries } = MATCH_BOUNDS
  const kept = <T>(key: string, read: (entry: unknown, at: string) => T, faultOf: (entry: T) => MatchFault | undefined): readonly T[] =>
    listAt(value[key], `${place}.${key}`, entries).flatMap((each, index) => {
      const at = `${place}.${key}[${index}]`
      const entry = read(each, at)
      const fault = faultOf(entry)
      if (fault?.isMalformed === true) throw new Error(`${at} ${fault.message}`)
      if (fault !== undefined) dropped(at, fault.message)
      return fault === undefined ? [entry] : []
    })
  const match = kept('match', requestTestAt, requestTestFault)
  const alwaysNever = kept('alwaysNever', alwaysNeverAt, alwaysNeverFault)
  return match.length + alwaysNever.length === 0 ? null : { match, alwaysNever }
}

function alwaysNeverAt (plain: unknown, place: string): AlwaysNever {
  const { by, name } = recordAt(plain, place)
  return { by: oneOfAt(['header', 'cookie'], by, `${place}.by`), name: wordsAt(name, `${place}.name`) }
}

function requestTestAt (plain: unknown, place: string): RequestTest {
  const value = recordAt(plain, place)
  const named = (key: string): readonly NamedTest[] => listAt(value[key], `${place}.${key}`).map((each, index) => {
    const at = `${place}.${key}[${index}]`
    const { name, test } = recordAt(each, at)
    return { name: wordsAt(name, `${at}.name`), test: textTestAt(test, `${at}.test`) }
  })
  const { path, host } = value
  return {
    headers: named('headers'),
    cookies: named('cookies'),
    query: named('query'),
    methods: listAt(value['methods'], `${place}.methods`).map((each, index) => wordsAt(each, `${place}.methods[${index}]`)),
    ...(path === undefined ? {} : { path: textTestAt(path, `${place}.path`) }),
    ...(host === undefined ? {} : { host: textTestAt(host, `${place}.host`) })
  }
}

function textTestAt (plain: unknown, place: string): TextTest {
  const { kind: given, value } = recordAt(plain, place)
  const kind = oneOfAt(['present', 'exact', 'prefix', 'regex'], given, `${place}.kind`)
  return kind === 'present' ? { kind } : { kind, value: wordsAt(value, `${place}.value`) }
}

export function decodeMirror (plain: unknown, place: string): StepMirror {
  return { percent: amountAt(recordAt(plain, place)['percent'], 100, `${place}.percent`) }
}
