import fc from 'fast-check'
import t from 'tap'
import { Placement } from '../../../src/placement/placement.ts'
import { signOverride } from '../../../src/placement/override-token.ts'
import { exact, KEY, NOW_S, OTHER_KEY, OVERRIDES, placed, placementMaterial, placementSpec, requestTest } from '../../helpers/placement-specs.ts'

const VERSIONS = ['stable', 'canary', 'blue', 'green']
const version = fc.constantFrom(...VERSIONS)
const word = fc.constantFrom('', 'always', 'never', 'other')

/** What a request says, and what the rules of its route are. */
const scene = fc.record({
  override: fc.option(fc.record({ version: fc.constantFrom(...VERSIONS, 'gone'), good: fc.boolean(), by: fc.constantFrom('header', 'cookie') }), { nil: null }),
  lists: fc.array(fc.record({ version, member: fc.boolean() }), { maxLength: 3 }),
  matches: fc.uniqueArray(fc.record({ version, word, holds: fc.boolean() }), { maxLength: 4, selector: match => match.version })
})

t.test('an override, else the first list, else the first match that is not kept away: for any combination', async t => {
  fc.assert(fc.property(scene, ({ override, lists, matches }) => {
    const placement = new Placement(placementSpec({
      overrides: OVERRIDES,
      lists: lists.map((list, index) => ({ name: `list${index}`, version: list.version, by: 'header', field: `x-list${index}` })),
      matches: matches.map((match, index) => ({
        version: match.version, match: [requestTest({ headers: [exact(`x-match${index}`, 'yes')] })], alwaysNever: [{ by: 'header', name: `x-word${index}` }]
      }))
    }), placementMaterial({ versions: VERSIONS, listOf: () => ({ has: text => text === 'member' }) }))
    const headers: Record<string, string> = {}
    if (override !== null) {
      const token = signOverride(override.good ? KEY : OTHER_KEY, { route: 'hello', version: override.version, expires: NOW_S + 1 })
      if (override.by === 'header') headers['x-weir-version'] = token
      else headers['cookie'] = `a=b; weir-version=${token}`
    }
    for (const [index, { member }] of lists.entries()) headers[`x-list${index}`] = member ? 'member' : 'stranger'
    for (const [index, match] of matches.entries()) {
      if (match.word !== '') headers[`x-word${index}`] = match.word
      if (match.holds) headers[`x-match${index}`] = 'yes'
    }
    const outcome = placed(placement, headers)

    const listed = lists.findIndex(({ member }) => member)
    const matched = matches.find(match => match.word === 'always' || (match.word !== 'never' && match.holds))
    const kept = matches.slice(0, matched === undefined ? undefined : matches.indexOf(matched)).filter(match => match.word === 'never').map(match => match.version)
    const expected = override !== null && override.good && override.version !== 'gone'
      ? { version: override.version, kind: 'override', by: override.version, excluded: [] }
      : listed >= 0
        ? { version: lists[listed]?.version, kind: 'list', by: `list${listed}`, excluded: [] }
        : matched !== undefined
          ? { version: matched.version, kind: 'match', by: matched.version, excluded: kept }
          : { version: '', kind: kept.length > 0 ? 'never' : '', by: kept.join(' '), excluded: kept }
    const { rules, ...decided } = outcome
    t.strictSame(decided, expected)
    // What is explained is what is done.
    const chosen = rules.filter(rule => rule.chosen)
    t.strictSame(chosen.map(rule => rule.version), outcome.version === '' ? [] : [outcome.version])
    t.equal(rules.at(-1)?.chosen ?? false, outcome.version !== '')
  }), { numRuns: 300 })
})

t.test('no override that is not signed has any effect', async t => {
  const placement = new Placement(placementSpec({ overrides: OVERRIDES }), placementMaterial())
  const good = signOverride(KEY, { route: 'hello', version: 'canary', expires: NOW_S + 60 })
  const claim = fc.oneof(
    fc.constantFrom('canary', 'stable', '"canary"', 'canary,canary', ' canary', 'CANARY', 'canary;', 'v1~~~~~', '*'),
    fc.string({ maxLength: 300 }),
    // One character of a good one changed.
    fc.tuple(fc.nat({ max: good.length - 1 }), fc.constantFrom(...'aZ09~_-=')).map(([at, by]) => `${good.slice(0, at)}${by}${good.slice(at + 1)}`).filter(text => text !== good),
    // A piece of one.
    fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: good.length - 1 })).map(([from, length]) => good.slice(from, from + length)).filter(text => text !== good)
  )
  fc.assert(fc.property(claim, fc.constantFrom('', ' ', '"'), (text, around) => {
    for (const headers of [{ 'x-weir-version': `${around}${text}` }, { cookie: `weir-version=${around}${text}${around}` }, { 'x-weir-version': text, cookie: `weir-version=${text}` }]) {
      const { version, kind, excluded } = placed(placement, headers)
      t.strictSame({ version, kind, excluded }, { version: '', kind: '', excluded: [] }, text)
    }
  }), { numRuns: 300 })
})
