import t from 'tap'
import { redirectTarget, type WayIn } from '../../../src/actions/redirect-target.ts'
import type { RequestRedirect } from '../../../src/contract/route-actions.ts'

const AS_IT_IS: RequestRedirect = { scheme: null, hostname: null, path: null, port: null, statusCode: 302 }

function target (redirect: Partial<RequestRedirect>, wayIn: WayIn = { scheme: 'http', port: 80 }, resource = '/a/b?c=d', host = 'h.example', method = 'GET'): string | undefined {
  const [path = ''] = resource.split('?')
  return redirectTarget({ ...AS_IT_IS, ...redirect }, {
    host: () => host, path: () => path === '' ? '/' : path, resource: () => resource, methodIs: name => name === method
  }, wayIn, 'default.example:81')
}

t.test('the port is as Gateway API derives it', async t => {
  for (const [redirect, wayIn, expected] of [
    [{}, { scheme: 'http', port: 80 }, 'http://h.example'], [{}, { scheme: 'http', port: 8080 }, 'http://h.example:8080'],
    [{}, { scheme: 'https', port: 443 }, 'https://h.example'], [{}, { scheme: 'https', port: 8443 }, 'https://h.example:8443'],
    [{ scheme: 'https' }, { scheme: 'http', port: 8080 }, 'https://h.example'], [{ scheme: 'http' }, { scheme: 'http', port: 8080 }, 'http://h.example'],
    [{ scheme: 'http' }, { scheme: 'https', port: 443 }, 'http://h.example'], [{ port: 80 }, { scheme: 'http', port: 8080 }, 'http://h.example'],
    [{ port: 443 }, { scheme: 'http', port: 80 }, 'http://h.example:443'], [{ port: 8443, scheme: 'https' }, { scheme: 'http', port: 80 }, 'https://h.example:8443'],
    [{ port: 443, scheme: 'https' }, { scheme: 'http', port: 80 }, 'https://h.example'], [{ port: 80, scheme: 'https' }, { scheme: 'http', port: 80 }, 'https://h.example:80']
  ] as const) t.equal(target(redirect, wayIn), `${expected}/a/b?c=d`)
})

t.test('host and path are replaced, the query stays', async t => {
  t.equal(target({ hostname: 'other.example' }), 'http://other.example/a/b?c=d')
  t.equal(target({ path: { type: 'ReplaceFullPath', path: '/x' } }), 'http://h.example/x?c=d')
  t.equal(target({ path: { type: 'ReplaceFullPath', path: '/x/' } }), 'http://h.example/x/?c=d')
  t.equal(target({ path: { type: 'ReplacePrefixMatch', prefix: '/a/', path: '/x/' } }), 'http://h.example/x/b?c=d')
  t.equal(target({ path: { type: 'ReplacePrefixMatch', prefix: '/a', path: '' } }, undefined, '/a?'), 'http://h.example/?')
  t.equal(target({}, undefined, '/a', '[fd00::1]'), 'http://[fd00::1]/a')
})

t.test('a request without a host is sent to the one of the route, and nowhere without it', async t => {
  t.equal(target({}, undefined, '/', ''), 'http://default.example/')
  t.equal(redirectTarget(AS_IT_IS, { host: () => '', path: () => '/', resource: () => '/', methodIs: () => false }, { scheme: 'http', port: 80 }, ''), undefined)
})

t.test('what is asked of the whole server has no path', async t => {
  for (const resource of ['*', '']) t.equal(target({ path: { type: 'ReplaceFullPath', path: '/x' } }, undefined, resource, 'h', 'OPTIONS'), 'http://h')
  t.equal(target({}, undefined, ''), 'http://h.example/')
})
