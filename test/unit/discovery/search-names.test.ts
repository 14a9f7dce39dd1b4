import t from 'tap'
import { searchNames } from '../../../src/discovery/name-lookup.ts'

t.test('names with fewer dots than ndots are searched for first', async t => {
  const pod = 'search ns.svc.cluster.local svc.cluster.local\nnameserver 10.0.0.10\noptions timeout:1 ndots:2\n'
  t.same(searchNames('app', pod), ['app.ns.svc.cluster.local', 'app.svc.cluster.local', 'app'])
  t.same(searchNames('app.ns', pod), ['app.ns.ns.svc.cluster.local', 'app.ns.svc.cluster.local', 'app.ns'])
  t.same(searchNames('api.example.com', pod), ['api.example.com'])
  t.same(searchNames('app.', pod), ['app.'])
})

t.test('ndots is 1 without the option, and the last of search and domain wins', async t => {
  t.same(searchNames('app', 'search a.test\ndomain b.test c.test\n'), ['app.b.test', 'app'])
  t.same(searchNames('app.x', 'search a.test\n'), ['app.x'])
  t.same(searchNames('app', 'search a.test\noptions ndots:0\n'), ['app'])
  t.same(searchNames('app', '# search a.test\n'), ['app'])
  t.same(searchNames('app', 'search .\n'), ['app'])
  t.same(searchNames('app', ''), ['app'])
})
