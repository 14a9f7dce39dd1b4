import t from 'tap'
import { ConfigError, formatFault } from '../../../src/config/config-error.ts'
import { readConfigSchema } from '../../../src/config/options.ts'
import { createConfigResolver } from '../../../src/config/resolve.ts'

const resolve = createConfigResolver()
const FILE = 'listeners: [{ name: web, port: 8080 }]\nroutes: []\nadmin: { port: 9000 }\nclientIp: { trustedProxies: [10.0.0.0/8] }\n'

async function load (env: Readonly<Record<string, string | undefined>>, args: readonly string[], file = FILE) {
  return (await resolve({ bytes: Buffer.from(file), fileName: 'f.yaml', env, args })).config
}

async function faultsOf (env: Readonly<Record<string, string | undefined>>, args: readonly string[], file = FILE): Promise<readonly string[]> {
  try {
    await load(env, args, file)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(formatFault)
    throw error
  }
}

t.test('flags win over the environment, which wins over the file, which wins over the default', async t => {
  t.equal((await load({}, [], 'listeners: [{ name: web, port: 8080 }]\nroutes: []')).admin.port, 9901)
  t.equal((await load({}, [])).admin.port, 9000)
  t.equal((await load({ WEIR_ADMIN_PORT: '9001' }, [])).admin.port, 9001)
  t.equal((await load({ WEIR_ADMIN_PORT: '9001' }, ['--admin-port', '9002'])).admin.port, 9002)
  t.equal((await load({ WEIR_ADMIN_PORT: '9001' }, ['--admin-port=9003'])).admin.port, 9003)
})

t.test('a list is replaced whole', async t => {
  t.same((await load({ WEIR_CLIENT_IP_TRUSTED_PROXIES: '192.0.2.1,fd00::/8' }, [])).clientIp.trustedProxies, ['192.0.2.1', 'fd00::/8'])
  t.same((await load({ WEIR_CLIENT_IP_TRUSTED_PROXIES: '' }, [])).clientIp.trustedProxies, [])
})

t.test('a wrong value in the file does not matter when it is overridden', async t => {
  t.equal((await load({}, ['--admin-port', '1'], 'listeners: [{ name: web, port: 8080 }]\nroutes: []\nadmin: { port: x }')).admin.port, 1)
})

t.test('wrong values are reported where they were given', async t => {
  t.same(await faultsOf({ WEIR_ADMIN_PORT: 'abc', WEIR_CLIENT_IP_TRUSTED_PROXIES: '10.0.0.0/8,x' }, ['--drain-timeout=5', '--log-level', 'debgu']), [
    'env WEIR_ADMIN_PORT: admin.port: must be a whole number from 1 to 65535; given: "abc"',
    'flag --drain-timeout: drain.timeout: must be a duration: a whole number and a unit, such as 250ms, 5s, 2m or 1h; given: "5"',
    'flag --log-level: log.level: must be `debug`, `info`, `warn` or `error`. Did you mean `debug`?; given: "debgu"',
    'env WEIR_CLIENT_IP_TRUSTED_PROXIES: clientIp.trustedProxies[1]: "x" is not an IP address or CIDR such as 10.0.0.0/8, 192.0.2.7 or fd00::/8'
  ])
})

t.test('unknown names are errors, with the nearest one', async t => {
  t.same(await faultsOf({ WEIR_ADMIM_PORT: '1', WEIR_NOTHING_LIKE_IT: '', HOME: 'here', OTHER_WEIR_X: '1' }, ['--admin-prot', '1', '--nothing-like-it=2', 'stray', '-x']), [
    'env WEIR_ADMIM_PORT: is not a known environment variable. Did you mean WEIR_ADMIN_PORT?; given: "1"',
    'env WEIR_NOTHING_LIKE_IT: is not a known environment variable. Variables that start with WEIR_ are options; `weir run --help` lists them; given: ""',
    'flag --admin-prot: is not a known flag. Did you mean --admin-port?',
    'flag --nothing-like-it: is not a known flag. `weir run --help` lists the flags',
    'command line: is an argument where a flag has to be; write --name value; given: "stray"',
    'command line: is an argument where a flag has to be; write --name value; given: "-x"'
  ])
})

t.test('a flag needs one value', async t => {
  t.same(await faultsOf({}, ['--workers', '--log-level', 'info', '--log-level=warn', '--admin-port']), [
    'flag --workers: workers: needs a value: `auto` or a whole number from 1 to 256',
    'flag --log-level: log.level: is given twice on the command line; give it once; given: "warn"',
    'flag --admin-port: admin.port: needs a value: a whole number from 1 to 65535'
  ])
})

t.test('faults of the file, the environment and flags come together', async t => {
  t.equal((await faultsOf({ WEIR_X: '1' }, ['--y'], 'listeners: [\nroutes: []')).length, 3, 'a file that is not YAML')
  t.equal((await faultsOf({ WEIR_X: '1' }, ['--y'], 'routes: []')).length, 3, 'a file that lacks listeners')
})

t.test('the variables of Kubernetes Services are not options', async t => {
  const config = await load({
    WEIR_SERVICE_HOST: '10.96.0.7',
    WEIR_SERVICE_PORT: '80',
    WEIR_SERVICE_PORT_HTTP: '80',
    WEIR_PORT: 'tcp://10.96.0.7:80',
    WEIR_PORT_80_TCP: 'tcp://10.96.0.7:80',
    WEIR_PORT_80_TCP_PROTO: 'tcp',
    WEIR_PORT_80_TCP_PORT: '80',
    WEIR_PORT_80_TCP_ADDR: '10.96.0.7',
    WEIR_ADMIN_SERVICE_HOST: '10.96.0.8',
    WEIR_ADMIN_SERVICE_PORT_ADMIN_HTTP: '9901',
    WEIR_ADMIN_PORT: 'tcp://10.96.0.8:9901',
    WEIR_ADMIN_PORT_9901_TCP: 'tcp://10.96.0.8:9901',
    WEIR_DNS_PORT_53_UDP_ADDR: '10.96.0.9',
    WEIR_CONFIG: '/etc/weir/weir.yaml'
  }, [])
  t.equal(config.admin.port, 9000, 'WEIR_ADMIN_PORT of a Service named weir-admin is not the option')
  t.equal((await faultsOf({ WEIR_PORT: '8080' }, [])).length, 1, 'but WEIR_PORT that nobody else set is a mistake')
})

t.test('the schema is read when something comes from the environment or a flag, or is wrong, and not otherwise', async t => {
  let reads = 0
  const counting = createConfigResolver(() => {
    reads++
    return readConfigSchema()
  })
  const readsOf = async (text: string, env: Readonly<Record<string, string>>, args: readonly string[]): Promise<number> => {
    reads = 0
    await counting({ bytes: Buffer.from(text), fileName: 'f.yaml', env, args }).catch((error: unknown) => {
      if (!(error instanceof ConfigError)) throw error
    })
    return reads
  }
  const good = 'listeners: [{ name: web, port: 1 }]\nroutes: []\n'
  t.equal(await readsOf(good, { HOME: '/', WEIR_CONFIG: 'f', WEIR_PORT: 'tcp://10.0.0.1:80' }, []), 0)
  t.equal(await readsOf(good, { WEIR_WORKERS: '1' }, []), 1)
  t.equal(await readsOf(good, {}, ['--workers', '1']), 1)
  t.equal(await readsOf('routes: []\n', {}, []), 1, 'a fault is explained by it')
})
