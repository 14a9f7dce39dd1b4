import t from 'tap'
import { RouteBook } from '../../../src/routes/route-book.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

const route = (name: string, ...versions: readonly string[]) =>
  ({ ...ROUTE_DEFAULTS, name, versions: versions.map(version => ({ name: version, weight: 1, endpoints: { static: [] } })) })

t.test('routes and versions are found by name, names of Object.prototype too', async t => {
  const book = new RouteBook([route('b', 'stable', 'canary'), route('a', 'constructor')])
  t.same(book.all().map(({ name }) => name), ['b', 'a'], 'in the order of the configuration')
  t.equal(book.route('a')?.name, 'a')
  t.equal(book.route('constructor'), undefined)
  t.equal(book.version('b', 'canary')?.name, 'canary')
  t.equal(book.version('a', 'canary'), undefined)
  t.equal(book.version('c', 'canary'), undefined)
  t.same(book.versions(), [{ route: 'b', version: 'stable' }, { route: 'b', version: 'canary' }, { route: 'a', version: 'constructor' }])
})

t.test('other routes are in force from commit on, and those of before come back when they are given up', async t => {
  const book = new RouteBook([route('a', 'v1')])
  const change = book.prepare([route('b', 'v1')])
  t.ok(book.route('a'))
  t.notOk(book.route('b'), 'what is prepared is seen by nobody')
  change.commit()
  t.notOk(book.route('a'))
  t.ok(book.route('b'))
  await change.discard()
  t.ok(book.route('a'))
  t.notOk(book.route('b'))
})
