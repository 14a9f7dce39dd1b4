import t from 'tap'
import { type LocalRequest, localDefence } from '../../../src/admin/guard-access.ts'

const get: LocalRequest = { method: 'GET', peer: '127.0.0.1', host: 'localhost:9901', origin: undefined, fetchSite: undefined }
const put: LocalRequest = { ...get, method: 'PUT' }

t.test('this machine may do anything', async t => {
  for (const peer of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) t.equal(localDefence({ ...put, peer }), undefined, peer)
})

t.test('other machines may do nothing', async t => {
  for (const peer of ['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '', undefined]) t.equal(localDefence({ ...get, peer }), 'not_local', String(peer))
})

t.test('names that only this machine can have are allowed, with any port or none', async t => {
  for (const host of ['localhost', 'LOCALHOST:1', 'weir.localhost', '127.0.0.1', '127.0.0.2:80', '[::1]', '[::1]:9901', undefined]) {
    t.equal(localDefence({ ...get, host }), undefined, String(host))
  }
})

t.test('names that a foreign DNS server could point here are refused', async t => {
  for (const host of ['evil.example', 'localhost.evil.example', 'notlocalhost', '127.0.0.1.evil.example', '10.0.0.1', '[fd00::1]', '', ':80', '0.0.0.0', '[::1', 'a@localhost:80@b']) {
    t.equal(localDefence({ ...get, host }), 'host_not_allowed', host)
  }
})

t.test('changes on behalf of other web sites are refused, reads are not', async t => {
  for (const other of [{ fetchSite: 'cross-site' }, { fetchSite: 'same-site' }, { origin: 'https://evil.example' }, { origin: 'null' }, { origin: 'http://localhost:1' }, { origin: 'https://localhost:9901' }]) {
    t.equal(localDefence({ ...put, ...other }), 'cross_site', JSON.stringify(other))
    t.equal(localDefence({ ...get, ...other }), undefined)
  }
  t.equal(localDefence({ ...put, host: undefined, origin: 'http://localhost:9901' }), 'cross_site')
})

t.test('changes by our own pages and by hand are allowed', async t => {
  for (const own of [{ fetchSite: 'same-origin', origin: 'http://localhost:9901' }, { fetchSite: 'none' }, { origin: 'http://LOCALHOST:9901' }]) {
    t.equal(localDefence({ ...put, ...own }), undefined, JSON.stringify(own))
  }
})
