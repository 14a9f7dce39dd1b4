import t from 'tap'
import fc from 'fast-check'
import type { MatchConfig } from '../../../src/config/schema.ts'
import { PlainRequest } from '../../../src/routing/plain-request.ts'
import { RouteTable } from '../../../src/routing/route-table.ts'
import type { PlainRequestParts } from '../../../src/contract/questions.ts'
import { propertyRuns } from '../../helpers/property-runs.ts'

/** What the documentation says, written for clarity: filter all routes, sort what is left, take the first. */
function model (routes: readonly MatchConfig[], request: Required<PlainRequestParts>): number | undefined {
  const ranked = routes.flatMap((match, order) => (match.hosts ?? ['*']).flatMap(host => {
    const rank = [hostRank(host, request.host), pathRank(match, request.path), conditionRank(match, request), -order]
    return rank.includes(-1) && rank.indexOf(-1) < 3 ? [] : [{ rank, order }]
  }))
  ranked.sort((left, right) => {
    const differs = left.rank.findIndex((value, index) => value !== right.rank[index])
    return differs === -1 ? 0 : (right.rank[differs] ?? 0) - (left.rank[differs] ?? 0)
  })
  return ranked[0]?.order
}

function hostRank (pattern: string, host: string): number {
  if (pattern === '*') return 0
  if (!pattern.startsWith('*.')) return pattern === host ? Infinity : -1
  return host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1 ? pattern.length : -1
}

function pathRank (match: MatchConfig, path: string): number {
  if (match.exact !== undefined) return match.exact === path ? Infinity : -1
  const prefix = (match.path ?? '/').replace(/\/$/, '')
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`) ? prefix.length : -1
}

function conditionRank (match: MatchConfig, request: Required<PlainRequestParts>): number {
  const parameters = new Map(request.query.split('&').reverse().map(pair => {
    const [name = '', value = ''] = pair.split('=')
    return [name, value]
  }))
  const holds = (match.methods?.includes(request.method) ?? true) &&
    (match.headers ?? []).every(({ name, value }) => name in request.headers && (value === undefined || request.headers[name] === value)) &&
    (match.query ?? []).every(({ name, value }) => parameters.has(name) && (value === undefined || parameters.get(name) === value))
  return holds ? (match.methods === undefined ? 0 : 1) + (match.headers?.length ?? 0) + (match.query?.length ?? 0) : -1
}

const name = fc.constantFrom('x', 'xy', 'y')
const value = fc.constantFrom('1', '11', '')
const host = fc.constantFrom('a.test', 'b.a.test', 'c.b.a.test', 'cb.a.test', 'other')
const pattern = fc.oneof(host, fc.constantFrom('*', '*.test', '*.a.test', '*.b.a.test'))
const path = fc.array(fc.constantFrom('', 'a', 'b', 'ab', '%61'), { maxLength: 4 }).map(segments => `/${segments.join('/')}`)
const field = fc.record({ name, value }, { requiredKeys: ['name'] })
const route: fc.Arbitrary<MatchConfig> = fc.record({
  hosts: fc.uniqueArray(pattern, { minLength: 1, maxLength: 3 }),
  path,
  exact: path,
  methods: fc.uniqueArray(fc.constantFrom('GET', 'POST'), { minLength: 1 }),
  headers: fc.array(field, { minLength: 1, maxLength: 2 }),
  query: fc.array(field, { minLength: 1, maxLength: 2 })
}, { requiredKeys: [] })
const request = fc.record({
  method: fc.constantFrom('GET', 'POST'),
  host,
  path,
  query: fc.array(fc.tuple(name, value).map(([name, value]) => `${name}=${value}`), { maxLength: 3 }).map(pairs => pairs.join('&')),
  headers: fc.dictionary(name, value, { noNullPrototype: true })
})

t.test('the table finds what looking at every route would find', async t => {
  fc.assert(fc.property(fc.array(route, { maxLength: 12 }), fc.array(request, { minLength: 10, maxLength: 10 }), (routes, requests) => {
    const table = new RouteTable(routes.map((match, order) => ({ match, payload: { order } })))
    return requests.every(request => table.match(new PlainRequest(request))?.order === model(routes, request))
  }), { numRuns: propertyRuns(400) })
  t.pass('held')
})

t.test('no host and no path makes the table throw', async t => {
  const table = new RouteTable([
    { match: { hosts: ['*.a.test', 'a.test'], path: '/a/b' }, payload: {} },
    { match: { path: '/a', query: [{ name: 'x' }] }, payload: {} }
  ])
  fc.assert(fc.property(fc.string(), fc.string(), fc.string(), (host, path, query) => {
    table.match(new PlainRequest({ host, path, query }))
  }))
  t.pass('held')
})
