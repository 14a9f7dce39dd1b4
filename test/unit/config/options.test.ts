import t from 'tap'
import { listConfigOptions, OptionPlaces, readConfigSchema, readOptionText, withOption } from '../../../src/config/options.ts'
import { isServiceVariable } from '../../../src/config/overrides.ts'

const options = listConfigOptions()
const named = (name: string) => options.find(option => option.name === name)

t.test('names come from the path', async t => {
  t.match(named('clientIp.trustedProxies'), { env: 'WEIR_CLIENT_IP_TRUSTED_PROXIES', flag: '--client-ip-trusted-proxies', default: '' })
  t.match(named('limits.maxUriBytes'), { env: 'WEIR_LIMITS_MAX_URI_BYTES', flag: '--limits-max-uri-bytes', default: '16384' })
  t.match(named('workers'), { env: 'WEIR_WORKERS', flag: '--workers', default: 'auto', type: '`auto` or a whole number from 1 to 256' })
  t.equal(named('kubernetes.namespace')?.default, null)
})

t.test('lists of mappings have no names', async t => {
  t.same(options.filter(({ name }) => /^(routes|listeners|admin\.tokens)/.test(name)), [])
})

t.test('names differ from each other, and every option has a description', async t => {
  t.equal(new Set(options.map(({ env }) => env)).size, options.length)
  t.equal(new Set(options.map(({ flag }) => flag)).size, options.length)
  for (const option of options) {
    t.match(option.env, /^WEIR_[A-Z]+(_[A-Z0-9]+)*$/)
    t.match(option.flag, /^--[a-z]+(-[a-z0-9]+)*$/)
    t.not(option.description, '', option.name)
  }
})

t.test('an option is found wherever the schema has it', async t => {
  const places = new OptionPlaces(readConfigSchema())
  t.same(places.of('trustedProxies'), ['clientIp.trustedProxies'])
  t.same(places.of('podLabels'), ['routes[].versions[].endpoints.podLabels'], 'in a choice too')
  t.same(places.of('cert'), ['listeners[].tls.certificates[].cert'])
  for (const name of ['__proto__', 'constructor', 'no-such-option']) t.same(places.of(name), [], name)
})

t.test('the schema is looked through once for all options that are looked for', async t => {
  let looks = 0
  const places = new OptionPlaces({
    get properties () {
      looks++
      return { a: {} }
    }
  })
  t.same(['a', 'b', 'a'].map(name => places.of(name)), [['a'], [], ['a']])
  t.equal(looks, 1)
})

t.test('no option has a name that Kubernetes gives to a Service', async t => {
  for (const { env } of options) t.equal(isServiceVariable(env, 'text'), false, env)
})

t.test('text becomes what the option wants, or stays text for validation to refuse', async t => {
  const read = (name: string, text: string): unknown => readOptionText(named(name)?.schema ?? {}, text)
  t.equal(read('admin.port', '9902'), 9902)
  t.equal(read('admin.port', '-1'), -1)
  t.equal(read('admin.port', '0x10'), '0x10')
  t.equal(read('admin.port', ''), '')
  t.equal(read('accessLog.sampleRate', '0.25'), 0.25)
  t.equal(read('workers', '4'), 4)
  t.equal(read('workers', 'auto'), 'auto')
  t.equal(read('state.path', '7'), '7')
  t.same(read('clientIp.trustedProxies', ' 10.0.0.0/8, ,192.0.2.1 '), ['10.0.0.0/8', '192.0.2.1'])
  t.same(read('clientIp.trustedProxies', ''), [])
})

t.test('setting an option copies what is on the way', async t => {
  const root = { admin: { port: 1, address: 'a' }, log: null }
  t.same(withOption(root, ['admin', 'port'], 2), { admin: { port: 2, address: 'a' }, log: null })
  t.equal(root.admin.port, 1)
  t.same(withOption({}, ['state', 'path'], 'x'), { state: { path: 'x' } })
  t.same(withOption(root, ['log', 'level'], 'x'), root, 'what is not a mapping stays')
})
