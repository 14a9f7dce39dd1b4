import t from 'tap'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { ConfigError } from '../../../src/config/config-error.ts'
import { nearestName } from '../../../src/core/nearest-name.ts'
import { listConfigOptions } from '../../../src/config/options.ts'
import { createConfigResolver } from '../../../src/config/resolve.ts'
import { propertyRuns } from '../../helpers/property-runs.ts'

const resolve = createConfigResolver()
const options = listConfigOptions()

/** Loads, or gives the ConfigError; anything else that is thrown fails the property. */
async function outcome (bytes: Uint8Array, env: Readonly<Record<string, string>> = {}, args: readonly string[] = []): Promise<ConfigError | undefined> {
  try {
    await resolve({ bytes, fileName: 'f', env, args })
    return undefined
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

const KEYS = ['listeners', 'routes', 'name', 'port', 'address', 'match', 'hosts', 'path', 'headers', 'affinity', 'by', 'versions', 'weight',
  'endpoints', 'static', 'service', 'admin', 'tokens', 'timeouts', 'drain', 'clientIp', 'trustedProxies', 'workers', '__proto__', 'constructor', 'toString']

/** Values that look like a configuration here and there. */
const { value: configLike } = fc.letrec<{ value: unknown, leaf: unknown, mapping: unknown, list: unknown }>(tie => ({
  value: fc.oneof({ depthSize: 'medium', withCrossShrink: true }, tie('leaf'), tie('mapping'), tie('list')),
  leaf: fc.oneof(fc.constantFrom('auto', 'none', '127.0.0.1:80', '/', '10.0.0.0/8', '5s', 'client-ip', 'v1', 8080, 0, -1, 1.5, null, true), fc.string(), fc.double()),
  list: fc.array(tie('value'), { maxLength: 4 }),
  mapping: fc.dictionary(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...KEYS) }, { weight: 1, arbitrary: fc.string() }), tie('value'), { maxKeys: 6, noNullPrototype: true })
}))

const SOUND = { listeners: [{ name: 'web', port: 8080 }], routes: [{ name: 'r', versions: [{ name: 'v', weight: 1, endpoints: { static: ['127.0.0.1:1'] } }] }] }

t.test('any bytes give a configuration or a ConfigError', async t => {
  await t.resolves(fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async bytes => {
    await outcome(bytes)
  }), { numRuns: propertyRuns(100) }))
})

t.test('any text made of what YAML is made of gives a configuration or a ConfigError', async t => {
  const yamlLike = fc.array(fc.constantFrom(...'[]{},:-?&*!|>\'"%@`#\n\t ~<0aé', '\n  ', ': ', '- ', '&a ', '*a', '!!map ', '<<: ', '---\n', '...\n', '%YAML 1.1\n', 'routes', 'name'), { maxLength: 80 })
  await t.resolves(fc.assert(fc.asyncProperty(yamlLike, async parts => { await outcome(Buffer.from(parts.join(''))) }), { numRuns: propertyRuns(300) }))
})

t.test('any values in the place of any option give a configuration or a ConfigError with a place', async t => {
  await t.resolves(fc.assert(fc.asyncProperty(configLike, fc.constantFrom(...KEYS), async (value, key) => {
    for (const config of [value, { ...SOUND, [key]: value }, { ...SOUND, routes: [{ ...SOUND.routes[0], [key]: value }] }]) {
      const error = await outcome(Buffer.from(stringify(config)))
      for (const fault of error?.faults ?? []) {
        if (fault.message === '' || !/^f(:\d+:\d+)?$/.test(fault.source)) throw new Error(`a fault without message or place: ${JSON.stringify(fault)}`)
      }
    }
  }), { numRuns: propertyRuns(200) }))
})

t.test('any environment and arguments give a configuration or a ConfigError', async t => {
  const bytes = Buffer.from(stringify(SOUND))
  const env = fc.dictionary(
    fc.oneof(fc.constantFrom(...options.map(option => option.env)), fc.string().map(name => `WEIR_${name}`)),
    fc.string(),
    { noNullPrototype: true }
  )
  const args = fc.array(
    fc.oneof(fc.constantFrom(...options.map(option => option.flag)), fc.string(), fc.string().map(text => `--${text}`)),
    { maxLength: 5 }
  )
  await t.resolves(fc.assert(fc.asyncProperty(env, args, async (env, args) => { await outcome(bytes, env, args) }), { numRuns: propertyRuns(100) }))
})

t.test('loading the same twice gives the same', async t => {
  await t.resolves(fc.assert(fc.asyncProperty(configLike, async value => {
    const bytes = Buffer.from(stringify({ ...SOUND, match: value }))
    const [first, second] = [await outcome(bytes), await outcome(bytes)]
    if (first?.message !== second?.message) throw new Error('two loads differ')
  }), { numRuns: propertyRuns(50) }))
})

t.test('the nearest name is one of those known, and a known name is nearest to itself', async t => {
  const names = options.map(option => option.name)
  t.doesNotThrow(() => fc.assert(fc.property(fc.string(), given => {
    const nearest = nearestName(given, names)
    return nearest === undefined || names.includes(nearest)
  })))
  for (const name of names) t.equal(nearestName(name, names), name)
})

t.test('one slip of the finger still finds the name', async t => {
  const slip = fc.record({
    name: fc.constantFrom(...options.map(option => option.flag)),
    at: fc.nat(),
    kind: fc.constantFrom('drop', 'double', 'swap', 'case')
  })
  t.doesNotThrow(() => fc.assert(fc.property(slip, ({ name, at, kind }) => {
    const index = 2 + at % (name.length - 3)
    const [before, here, next, after] = [name.slice(0, index), name[index] ?? '', name[index + 1] ?? '', name.slice(index + 2)]
    const given = {
      drop: before + next + after,
      double: before + here + here + next + after,
      swap: before + next + here + after,
      case: before + here.toUpperCase() + next + after
    }[kind]
    return nearestName(given, options.map(option => option.flag)) === name
  })))
})

t.test('what is nothing like any name finds none', async t => {
  for (const given of ['', 'x', 'zzzzzzzz', 'q'.repeat(10_000)]) t.equal(nearestName(given, options.map(option => option.name)), undefined)
})
