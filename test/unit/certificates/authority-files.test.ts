/** The authorities of a reload: read before it, in force with it, and told anew when a file has changed meanwhile. */
import t from 'tap'
import { AuthorityFiles } from '../../../src/certificates/authority-files.ts'
import type { FileContent } from '../../../src/certificates/watched-files.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Config } from '../../../src/config/schema.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'
import { until } from '../../helpers/until.ts'
import { authorities, certificatePem, type CertificateName } from '../../helpers/upstream-certificates.ts'

const { config: PLAIN } = await loadConfig({ file: 'test/fixtures/config/valid-minimal.yaml', env: {}, args: [] })
/** More than the time between two looks at the files. */
const LOOK_MS = 10_000

/** A configuration whose versions trust the authorities of these files. */
function configOf (...files: readonly string[]): Config {
  const versions = files.map((ca, index) => ({
    name: `v${index}`, weight: 1, endpoints: { static: ['127.0.0.1:9'] }, tls: { ca, verify: true }
  }))
  return { ...PLAIN, routes: [{ ...ROUTE_DEFAULTS, name: 'hello', versions }] }
}

/** Files in memory. One that is held is read when the test lets it. */
function setUp (contents: Record<string, CertificateName>) {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  const held = new Map<string, Promise<void>>()
  let changes = 0
  const files = new AuthorityFiles({
    clock,
    log,
    onChange: () => { changes++ },
    readFile: async (path): Promise<FileContent> => {
      await held.get(path)
      const name = contents[path]
      return name === undefined ? { fault: 'does not exist' } : { bytes: Buffer.from(certificatePem(name)) }
    }
  })
  t.teardown(() => { files.stop() })
  /** Writes a file, and waits until that was seen. */
  const write = async (path: string, name: CertificateName): Promise<void> => {
    contents[path] = name
    const seen = log.lines.length
    await until(() => {
      clock.advance(LOOK_MS)
      return log.lines.length > seen
    })
  }
  return { files, log, held, write, changes: () => changes }
}

const digestOf = (name: CertificateName): string => authorities(name).digest

t.test('a file that changes before its configuration is in force is told of when it is: routes were made of what it held before', async t => {
  const { files, write, changes } = setUp({ a: 'ca' })
  const change = await files.prepare(configOf('a'), 'weir.yaml')
  t.equal(files.of('a').digest, digestOf('ca'), 'what routes are made of')
  await write('a', 'other-ca')
  t.equal(changes(), 0, 'nobody uses it yet')
  change.commit()
  change.settle()
  t.equal(changes(), 1)
  t.equal(files.of('a').digest, digestOf('other-ca'))
  await write('a', 'ca')
  t.equal(changes(), 2, 'and it is watched from then on')
})

t.test('one that does not change is told of by its reload alone', async t => {
  const { files, changes } = setUp({ a: 'ca' })
  const change = await files.prepare(configOf('a'), 'weir.yaml')
  change.commit()
  change.settle()
  t.equal(changes(), 0)
})

t.test('a change of what is discarded is for nobody, and the next reload does not tell of it', async t => {
  const { files, write, changes } = setUp({ a: 'ca', b: 'ca' })
  const first = await files.prepare(configOf('a'), 'weir.yaml')
  await write('a', 'other-ca')
  await first.discard()
  t.throws(() => files.of('a'), /was not read/)
  const second = await files.prepare(configOf('b'), 'weir.yaml')
  second.commit()
  second.settle()
  t.equal(changes(), 0)
})

t.test('a file in force that changes while another configuration is prepared is told of at once', async t => {
  const { files, write, changes } = setUp({ a: 'ca', b: 'ca' })
  const first = await files.prepare(configOf('a'), 'weir.yaml')
  first.settle()
  const second = await files.prepare(configOf('a', 'b'), 'weir.yaml')
  await write('a', 'other-ca')
  t.equal(changes(), 1)
  second.settle()
  t.equal(changes(), 1)
})

t.test('what is prepared too late takes nothing from the configuration that came after it', async t => {
  const { files, held, write, changes } = setUp({ a: 'ca', slow: 'ca' })
  const slow = Promise.withResolvers<void>()
  held.set('slow', slow.promise)
  const hanging = files.prepare(configOf('slow'), 'weir.yaml')
  const next = await files.prepare(configOf('a'), 'weir.yaml')
  held.clear()
  slow.resolve()
  await (await hanging).discard()
  t.equal(files.of('a').digest, digestOf('ca'), 'it is there for the routes')
  t.throws(() => files.of('slow'), /was not read/)
  next.settle()
  await write('a', 'other-ca')
  t.equal(changes(), 1, 'and it is watched')
})
