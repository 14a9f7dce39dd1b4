/** Reads which requests get a version whatever the weights say: in the configuration (`routes[].versions[].match`) and in a rollout. */
import type { AlwaysNever, NamedTest, RequestTest, TextTest } from '../contract/placement-spec.ts'
import { errorText } from '../core/error-text.ts'
import { LinearPattern } from '../core/linear-pattern.ts'
import { isOverrideName, OVERRIDE_HINT } from '../core/override-names.ts'
import { isReservedField, RESERVED_HINT } from '../core/protected-fields.ts'
import { noCookieValue, noFieldValue, noHost, noParameterName, noParameterValue, noWholePath, type WhyUnsent } from '../core/why-unsent.ts'
import type { UntrustedObject } from '../core/untrusted.ts'
import { given, inside, ownValue, PlanFaults, readMapping } from './plan-faults.ts'
import type { StepMatch } from './rollout-plan.ts'

const NAMED_KEYS = ['headers', 'cookies', 'query'] as const
const WHOLE_KEYS = ['path', 'host'] as const
const ENTRY_KEYS = [...NAMED_KEYS, ...WHOLE_KEYS, 'methods', 'alwaysNever'] as const
type NameKind = (typeof NAMED_KEYS)[number] | AlwaysNever['by']
const NO_CONDITION = 'has no condition, so every request would match'
const TEXT_KEYS = ['value', 'prefix', 'regex'] as const

/** RFC 9110 section 9.3 and RFC 5789: whoever writes them otherwise means these. */
const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH']

/** What is wrong with a part of a match. */
export interface MatchFault {
  readonly message: string
  /** No Weir reads it; otherwise it can never hold, or may not, and an older Weir has read it. */
  readonly isMalformed: boolean
}

function malformed (message: string): MatchFault {
  return { message, isMalformed: true }
}

function useless (message: string): MatchFault {
  return { message, isMalformed: false }
}

/** What is wrong with matching the one method that no route gets. */
export const NO_CONNECT = 'can never match: Weir is no forward proxy and answers CONNECT with 405'

function methodFault (method: string): MatchFault | undefined {
  if (method === 'CONNECT') return useless(NO_CONNECT)
  const meant = standardMethod(method)
  return meant === undefined ? undefined : useless(`is not ${meant}: methods are compared with their case, and clients send ${meant}`)
}

/** The method that is meant by one in other letters; undefined when it is right, or none of the usual ones. */
export function standardMethod (method: string): string | undefined {
  const meant = method.toUpperCase()
  return method !== meant && METHODS.includes(meant) ? meant : undefined
}

/** The bounds of a match. */
export const MATCH_BOUNDS = { entries: 32, tests: 16, methods: 64, characters: 1_024 } as const

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/

/** Reads a match: a list of entries, one of which has to hold, or one entry. @returns undefined when there is a fault in it */
export function readMatch (plain: unknown, place: string, faults: PlanFaults): StepMatch | undefined {
  const own = new PlanFaults()
  const isList = Array.isArray(plain)
  const entries: readonly unknown[] = isList ? plain : [plain]
  const { entries: most } = MATCH_BOUNDS
  if (entries.length === 0 || entries.length > most) return faults.add(place, `must have 1 to ${most} entries, not ${entries.length}`)
  const read = entries.map((entry, index) => readEntry(entry, isList ? `${place}[${index}]` : place, own))
  faults.addAll(own)
  if (!own.isEmpty) return undefined
  const known = read.filter(each => each !== undefined)
  return { match: known.flatMap(each => 'by' in each ? [] : [each]), alwaysNever: known.flatMap(each => 'by' in each ? [each] : []) }
}

/** One that was read before. @throws Error naming the first place that is wrong all the same */
export function knownMatch (plain: unknown, place: string): StepMatch {
  const faults = new PlanFaults()
  const match = readMatch(plain, place, faults)
  const [fault] = faults.list()
  if (match === undefined) throw new Error(`${fault?.place ?? place} ${fault?.message ?? 'is no match'}`)
  return match
}

/** Why a test that is stored would be refused where somebody writes it; undefined when it would not. */
export function requestTestFault (test: RequestTest): MatchFault | undefined {
  const { tests, methods: mostMethods } = MATCH_BOUNDS
  const named = NAMED_KEYS.map(key => ({ key, list: test[key] }))
  const whole = WHOLE_KEYS.flatMap(key => test[key] === undefined ? [] : [{ key, text: test[key] }])
  const counts = [...named.map(({ list }) => list.length), test.methods.length, whole.length]
  if (counts.every(count => count === 0)) return malformed(NO_CONDITION)
  if (named.some(({ list }) => list.length > tests) || test.methods.length > mostMethods) return malformed('has more conditions than a match may have')
  const faults = [
    ...named.flatMap(({ key, list }) => list.flatMap(each => [nameFault(each.name, key), testFault(each.test, key)])),
    ...whole.map(({ key, text }) => text.kind === 'present' ? malformed(ALWAYS_THERE) : testFault(text, key)),
    ...test.methods.map(method => TOKEN.test(method) ? methodFault(method) : malformed(`names a method that is none${given(method)}`))
  ]
  return faults.find(fault => fault?.isMalformed) ?? faults.find(fault => fault !== undefined)
}

/** The same for an entry of `alwaysNever`. */
export function alwaysNeverFault ({ by, name }: AlwaysNever): MatchFault | undefined {
  return nameFault(name, by)
}

function testFault (test: TextTest, of: keyof typeof WHY_UNSENT): MatchFault | undefined {
  return test.kind === 'present' ? undefined : textFault(test.kind, test.value, of)
}

function readEntry (plain: unknown, place: string, faults: PlanFaults): RequestTest | AlwaysNever | undefined {
  const value = readMapping(plain, place, ENTRY_KEYS, faults)
  if (value === undefined) return undefined
  const alwaysNever = ownValue(value, 'alwaysNever')
  if (alwaysNever !== undefined) {
    if (Object.keys(value).length > 1) return faults.add(inside(place, 'alwaysNever'), 'stands beside other conditions; give it an entry of its own')
    return readAlwaysNever(alwaysNever, inside(place, 'alwaysNever'), faults)
  }
  if (ENTRY_KEYS.every(key => ownValue(value, key) === undefined)) return faults.add(place, NO_CONDITION)
  const [path, host] = WHOLE_KEYS.map(key => readWhole(value, key, place, faults))
  return {
    headers: readNamed(value, 'headers', place, faults),
    cookies: readNamed(value, 'cookies', place, faults),
    query: readNamed(value, 'query', place, faults),
    methods: readMethods(value, place, faults),
    ...(path === undefined ? {} : { path }),
    ...(host === undefined ? {} : { host })
  }
}

function readAlwaysNever (plain: unknown, place: string, faults: PlanFaults): AlwaysNever | undefined {
  const value = readMapping(plain, place, ['header', 'cookie'], faults)
  if (value === undefined) return undefined
  const [header, cookie] = [ownValue(value, 'header'), ownValue(value, 'cookie')]
  if ((header === undefined) === (cookie === undefined)) return faults.add(place, 'must name one `header` or one `cookie`')
  const by = header === undefined ? 'cookie' : 'header'
  const name = readName(header ?? cookie, inside(place, by), by, faults)
  return name === undefined ? undefined : { by, name }
}

function readNamed (
  value: UntrustedObject, key: (typeof NAMED_KEYS)[number], within: string, faults: PlanFaults
): readonly NamedTest[] {
  const plain = ownValue(value, key)
  const place = inside(within, key)
  if (plain === undefined) return []
  if (!Array.isArray(plain) || plain.length === 0 || plain.length > MATCH_BOUNDS.tests) {
    faults.add(place, `must be a list of 1 to ${MATCH_BOUNDS.tests} entries such as {"name": "x-beta", "value": "1"}${given(plain)}`)
    return []
  }
  return plain.flatMap((entry: unknown, index) => {
    const at = `${place}[${index}]`
    const test = readMapping(entry, at, ['name', ...TEXT_KEYS], faults)
    if (test === undefined) return []
    const name = readName(ownValue(test, 'name'), inside(at, 'name'), key, faults)
    const text = readText(test, at, key, faults)
    return name === undefined || text === undefined ? [] : [{ name, test: text }]
  })
}

function readName (plain: unknown, place: string, kind: NameKind, faults: PlanFaults): string | undefined {
  const fault = nameFault(plain, kind)
  return fault === undefined ? String(plain) : faults.add(place, fault.message)
}

function nameFault (plain: unknown, kind: NameKind): MatchFault | undefined {
  const isQuery = kind === 'query'
  if (typeof plain !== 'string' || (isQuery ? plain === '' || plain.length > 256 : !TOKEN.test(plain))) {
    return malformed(`must be the name of ${isQuery ? 'a query parameter' : 'a header field or cookie'}${given(plain)}`)
  }
  if (isQuery) return neverMatches(noParameterName(plain))
  const by = kind === 'cookie' || kind === 'cookies' ? 'cookie' : 'header'
  if (isOverrideName(by, plain)) return useless(OVERRIDE_HINT)
  return by === 'header' && isReservedField(plain) ? useless(RESERVED_HINT) : undefined
}

function readWhole (value: UntrustedObject, key: (typeof WHOLE_KEYS)[number], within: string, faults: PlanFaults): TextTest | undefined {
  const plain = ownValue(value, key)
  if (plain === undefined) return undefined
  const place = inside(within, key)
  const mapping = readMapping(plain, place, TEXT_KEYS, faults)
  const text = mapping === undefined ? undefined : readText(mapping, place, key, faults)
  return text?.kind === 'present' ? faults.add(place, ALWAYS_THERE) : text
}

const ALWAYS_THERE = 'must have `value`, `prefix` or `regex`: every request has one'

const WHY_UNSENT = {
  headers: noFieldValue, cookies: noCookieValue, query: noParameterValue, path: noWholePath, host: noHost
} as const satisfies Readonly<Record<string, WhyUnsent>>

function neverMatches (why: string): MatchFault | undefined {
  return why === '' ? undefined : useless(`can never match: ${why}`)
}

function readText (value: UntrustedObject, place: string, of: keyof typeof WHY_UNSENT, faults: PlanFaults): TextTest | undefined {
  const keys = TEXT_KEYS.filter(key => ownValue(value, key) !== undefined)
  const [key] = keys
  if (key === undefined) return { kind: 'present' }
  const at = inside(place, key)
  if (keys.length > 1) return faults.add(place, `has ${keys.map(each => `\`${each}\``).join(' and ')}; give one of them`)
  const text = ownValue(value, key)
  const kind = key === 'value' ? 'exact' : key
  const fault = textFault(kind, text, of)
  return fault === undefined ? { kind, value: String(text) } : faults.add(at, fault.message)
}

function textFault (kind: Exclude<TextTest['kind'], 'present'>, text: unknown, of: keyof typeof WHY_UNSENT): MatchFault | undefined {
  const { characters } = MATCH_BOUNDS
  const isWhole = kind === 'exact'
  if (typeof text !== 'string' || text.length > characters || (text === '' && !isWhole)) {
    return malformed(`must be a text of ${isWhole ? 'at most' : '1 to'} ${characters} characters${given(text)}`)
  }
  return kind === 'regex' ? patternFault(text) : neverMatches(WHY_UNSENT[of](text, isWhole))
}

function patternFault (text: string): MatchFault | undefined {
  try {
    void new LinearPattern(text)
    return undefined
  } catch (error) {
    return malformed(errorText(error))
  }
}

function readMethods (value: UntrustedObject, within: string, faults: PlanFaults): readonly string[] {
  const plain = ownValue(value, 'methods')
  if (plain === undefined) return []
  const isGood = Array.isArray(plain) && plain.length > 0 && plain.length <= MATCH_BOUNDS.methods &&
    plain.every((each: unknown): each is string => typeof each === 'string' && TOKEN.test(each))
  if (isGood) {
    plain.forEach((method, index) => {
      const fault = methodFault(method)
      if (fault !== undefined) faults.add(`${inside(within, 'methods')}[${index}]`, fault.message)
    })
    return plain
  }
  faults.add(inside(within, 'methods'), `must be a list of 1 to ${MATCH_BOUNDS.methods} methods, such as ["GET"]${given(plain)}`)
  return []
}
