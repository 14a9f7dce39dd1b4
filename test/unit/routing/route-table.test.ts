import t from 'tap'
import type { MatchConfig } from '../../../src/config/schema.ts'
import { PlainRequest } from '../../../src/routing/plain-request.ts'
import { RouteTable } from '../../../src/routing/route-table.ts'
import type { PlainRequestParts } from '../../../src/contract/questions.ts'

interface Named { readonly name: string }

function table (routes: Readonly<Record<string, MatchConfig>>): RouteTable<Named> {
  return new RouteTable(Object.entries(routes).map(([name, match]) => ({ match, payload: { name } })))
}

const matched = (routes: RouteTable<Named>, request: PlainRequestParts) => routes.match(new PlainRequest(request))?.name

t.test('an empty table matches nothing', async t => {
  t.equal(matched(table({}), {}), undefined)
})

t.test('a route without conditions takes everything, also OPTIONS *', async t => {
  const routes = table({ all: {} })
  t.equal(matched(routes, { host: 'a.example', path: '/x' }), 'all')
  t.equal(matched(routes, { path: '*', method: 'OPTIONS' }), 'all')
  t.equal(matched(routes, { host: '' }), 'all')
})

t.test('host: exact, then the longest wildcard, then any', async t => {
  const routes = table({
    any: {},
    wide: { hosts: ['*.example.com'] },
    narrow: { hosts: ['*.shop.example.com'] },
    exact: { hosts: ['www.shop.example.com'] },
    star: { hosts: ['*'] }
  })
  t.equal(matched(routes, { host: 'www.shop.example.com' }), 'exact')
  t.equal(matched(routes, { host: 'www.shop.example.com.' }), 'exact', 'a dot at the end is the same name')
  t.equal(matched(routes, { host: 'a.b.shop.example.com' }), 'narrow')
  t.equal(matched(routes, { host: 'shop.example.com' }), 'wide')
  t.equal(matched(routes, { host: 'example.com' }), 'any')
  t.equal(matched(routes, { host: '.example.com' }), 'any')
  t.equal(matched(routes, { host: 'xexample.com' }), 'any')
  t.equal(matched(routes, { host: '.' }), 'any')
})

t.test('hosts are compared without case; IPv6 literals too', async t => {
  const routes = table({ name: { hosts: ['WWW.Example.com'] }, literal: { hosts: ['[FD00::1]'] } })
  t.equal(matched(routes, { host: 'www.EXAMPLE.com' }), 'name')
  t.equal(matched(routes, { host: '[fd00::1]' }), 'literal')
  t.equal(matched(routes, { host: '[fd00::2]' }), undefined)
})

t.test('an IPv6 literal is the same host in every spelling', async t => {
  const routes = table({
    long: { hosts: ['[0:0:0:0:0:0:0:1]'] },
    odd: { hosts: ['[FD00::0:1]'] },
    mapped: { hosts: ['[::ffff:10.0.0.1]'] },
    any: {}
  })
  for (const host of ['[::1]', '[0:0::1]', '[0:0:0:0:0:0:0:1]']) t.equal(matched(routes, { host }), 'long', host)
  for (const host of ['[fd00::1]', '[FD00:0::1]']) t.equal(matched(routes, { host }), 'odd', host)
  for (const host of ['[::ffff:10.0.0.1]', '[::ffff:a00:1]']) t.equal(matched(routes, { host }), 'mapped', host)
  for (const host of ['[::2]', '10.0.0.1', '[', '[]']) t.equal(matched(routes, { host }), 'any', host)
})

t.test('a route of several hosts takes all of them', async t => {
  const routes = table({ one: { hosts: ['a.example', 'b.example', '*.c.example', 'a.example'] } })
  for (const host of ['a.example', 'b.example', 'x.c.example']) t.equal(matched(routes, { host }), 'one')
})

t.test('path: exact, then the longest prefix of whole segments', async t => {
  const routes = table({ root: { path: '/' }, api: { path: '/api' }, v1: { path: '/api/v1/' }, exact: { exact: '/api/v1/me' } })
  t.equal(matched(routes, { path: '/api/v1/me' }), 'exact')
  t.equal(matched(routes, { path: '/api/v1/me/' }), 'v1')
  t.equal(matched(routes, { path: '/api/v1/' }), 'v1')
  t.equal(matched(routes, { path: '/api/v1' }), 'v1', 'a slash at the end of the prefix makes no difference')
  t.equal(matched(routes, { path: '/api/v10' }), 'api')
  t.equal(matched(routes, { path: '/api' }), 'api')
  t.equal(matched(routes, { path: '/apis' }), 'root')
  t.equal(matched(routes, { path: '/' }), 'root')
})

t.test('paths are compared as sent', async t => {
  const routes = table({ root: {}, admin: { path: '/admin' } })
  for (const path of ['/%61dmin', '//admin', '/./admin', '/x/../admin', '/Admin', '/admin;a=1', '/admin%2fx']) t.equal(matched(routes, { path }), 'root', path)
  t.equal(matched(routes, { path: '/admin/%2e%2e/x' }), 'admin')
  t.equal(matched(routes, { path: '/admin//x' }), 'admin')
})

t.test('more conditions win, then the order of the file', async t => {
  const routes = table({
    first: { path: '/a' },
    second: { path: '/a' },
    post: { path: '/a', methods: ['POST', 'PUT'] },
    beta: { path: '/a', methods: ['POST'], headers: [{ name: 'X-Beta' }] },
    query: { path: '/a', query: [{ name: 'v', value: '2' }] }
  })
  t.equal(matched(routes, { path: '/a' }), 'first')
  t.equal(matched(routes, { path: '/a', method: 'PUT' }), 'post')
  t.equal(matched(routes, { path: '/a', method: 'post' }), 'first')
  t.equal(matched(routes, { path: '/a', method: 'POST', headers: { 'x-beta': '' } }), 'beta')
  t.equal(matched(routes, { path: '/a', method: 'POST', query: 'v=2' }), 'post')
  t.equal(matched(routes, { path: '/a', query: 'v=2' }), 'query')
})

t.test('a header has to have the exact value, or to be there', async t => {
  const routes = table({ one: { headers: [{ name: 'X-User', value: 'ann' }, { name: 'X-Trace' }] } })
  t.equal(matched(routes, { headers: { 'x-user': 'ann', 'x-trace': '1' } }), 'one')
  t.equal(matched(routes, { headers: { 'x-user': 'Ann', 'x-trace': '1' } }), undefined)
  t.equal(matched(routes, { headers: { 'x-user': 'ann' } }), undefined)
})

t.test('the first query parameter of a name decides', async t => {
  const valued = table({ one: { query: [{ name: 'v', value: '2' }] } })
  for (const query of ['v=2', 'a=1&v=2', 'v=2&a=1', 'v=2&v=3', 'av=1&v=2', '&&v=2', 'v2=1&v=2', 'a=v&v=2']) t.equal(matched(valued, { query }), 'one', query)
  for (const query of ['', 'v', 'v=', 'v=22', 'v=12', 'v=3&v=2', 'av=2', 'V=2', 'a=v=2', '%76=2', 'v=%32', 'v=2;a']) t.equal(matched(valued, { query }), undefined, query)
  const present = table({ one: { query: [{ name: 'v' }] } })
  for (const query of ['v', 'v=', 'v=1', 'a&v', 'v&a']) t.equal(matched(present, { query }), 'one', query)
  for (const query of ['', 'va', 'av', 'a=v']) t.equal(matched(present, { query }), undefined, query)
  const empty = table({ one: { query: [{ name: 'v', value: '' }] } })
  for (const query of ['v', 'v=', 'v&a', 'v=&a']) t.equal(matched(empty, { query }), 'one', query)
  t.equal(matched(empty, { query: 'v=1' }), undefined)
})

t.test('what a more specific route refuses, a less specific one may take', async t => {
  const routes = table({
    host: { hosts: ['a.example.com'], path: '/x', methods: ['POST'] },
    wildcard: { hosts: ['*.example.com'], exact: '/x', methods: ['PUT'] },
    prefix: { path: '/x', methods: ['DELETE'] },
    any: {}
  })
  const request = { host: 'a.example.com', path: '/x' }
  t.equal(matched(routes, { ...request, method: 'POST' }), 'host')
  t.equal(matched(routes, { ...request, method: 'PUT' }), 'wildcard')
  t.equal(matched(routes, { ...request, method: 'DELETE' }), 'prefix')
  t.equal(matched(routes, { ...request, method: 'GET' }), 'any')
})

t.test('nothing of a request is asked for that no route looks at', async t => {
  const refuse = (): never => { throw new Error('asked for') }
  const nothing = { method: refuse, host: refuse, path: refuse, query: refuse, header: refuse }
  t.equal(table({ all: {}, shadowed: {} }).match(nothing)?.name, 'all')
  const hostOnly = { ...nothing, host: () => 'a.example' }
  t.equal(table({ a: { hosts: ['a.example'], path: '/' }, b: { hosts: ['b.example'], path: '/b' } }).match(hostOnly)?.name, 'a')
  const pathOnly = { ...nothing, path: () => '/b/c' }
  t.equal(table({ a: { path: '/a' }, b: { path: '/b' } }).match(pathOnly)?.name, 'b')
})
