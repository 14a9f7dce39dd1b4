/** The keys that sign overrides and cookies, from the files of a configuration. */
import t from 'tap'
import { KeyFiles } from '../../../src/certificates/key-files.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Config, OverridesConfig } from '../../../src/config/schema.ts'
import { signingKey } from '../../../src/placement/signing-key.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'
import { until } from '../../helpers/until.ts'

const { config: PLAIN } = await loadConfig({ file: 'test/fixtures/config/valid-minimal.yaml', env: {}, args: [] })
const SECRETS = ['a', 'b', 'c'].map(letter => letter.repeat(32))
const idOf = (index: number): string => signingKey(Buffer.from(SECRETS[index] ?? '')).id

function configOf (keyFiles: string[], ofRoute?: OverridesConfig): Config {
  const route = { ...ROUTE_DEFAULTS, name: 'hello', versions: [], ...(ofRoute === undefined ? {} : { overrides: ofRoute }) }
  return { ...PLAIN, overrides: { keyFiles, trustedNetworks: [] }, routes: [route] }
}

function setUp (contents: Record<string, string>) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  let changes = 0
  const files = new KeyFiles({
    clock,
    log,
    onChange: () => { changes++ },
    readFile: async path => contents[path] === undefined ? { fault: 'does not exist' } : { bytes: Buffer.from(contents[path] ?? '') }
  })
  t.teardown(() => { files.stop() })
  const write = async (path: string, text: string): Promise<void> => {
    contents[path] = text
    const seen = log.lines.length
    await until(() => {
      clock.advance(10_000)
      return log.lines.length > seen
    })
  }
  return { files, write, log, changes: () => changes }
}

t.test('the keys of several files are in the order of the files and of their lines', async t => {
  const { files } = setUp({ one: `${SECRETS[0]}\n\n${SECRETS[1]}\r\n`, two: `${SECRETS[2]}` })
  const change = await files.prepare(configOf(['one'], { keyFiles: ['two'], trustedNetworks: [] }), 'weir.yaml')
  change.commit()
  change.settle()
  t.same(files.allOf(['two', 'one']).map(({ id }) => id), [idOf(2), idOf(0), idOf(1)])
  t.throws(() => files.allOf(['three']), /three was not read/)
})

t.test('a file without keys refuses the configuration, and names the option', async t => {
  const { files } = setUp({ one: 'too-short\n', two: `${SECRETS[0]}\n` })
  const refused = async (config: Config) => await files.prepare(config, 'weir.yaml').then(() => undefined, (error: unknown) => error)
  t.match(await refused(configOf(['two'], { keyFiles: ['one'], trustedNetworks: [] })), {
    faults: [{ path: 'routes[0].overrides.keyFiles[0]', message: /holds no keys that can be used: line 1 is shorter than 32 characters/ }]
  })
  t.match(await refused(configOf(['none'])), { faults: [{ path: 'overrides.keyFiles[0]', message: /does not exist/ }] })
})

t.test('a file that changes is told of; one that goes bad leaves its keys in force', async t => {
  const { files, write, log, changes } = setUp({ one: `${SECRETS[0]}\n` })
  const change = await files.prepare(configOf(['one']), 'weir.yaml')
  change.commit()
  change.settle()
  await write('one', `${SECRETS[1]}\n${SECRETS[0]}\n`)
  t.same([files.allOf(['one']).map(({ id }) => id), changes()], [[idOf(1), idOf(0)], 1])
  await write('one', '')
  t.same([files.allOf(['one']).map(({ id }) => id), changes()], [[idOf(1), idOf(0)], 1])
  t.match(log.lines.at(-1), { message: /the signing keys can't be read again; the last good ones stay in force/ })
})
