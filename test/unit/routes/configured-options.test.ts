import { deserialize, serialize } from 'node:v8'
import t from 'tap'
import { createConfigResolver } from '../../../src/config/resolve.ts'
import type { Config } from '../../../src/config/schema.ts'
import { dataPlaneOptions, routeSpecs } from '../../../src/routes/configured-options.ts'
import type { Authorities } from '../../../src/contract/route-spec.ts'
import { authorities } from '../../helpers/upstream-certificates.ts'

async function configOf (versions: readonly object[]): Promise<Config> {
  const text = JSON.stringify({
    listeners: [{ name: 'web', port: 8080 }],
    routes: versions.map((version, index) => ({ name: `r${index}`, match: { path: `/${index}` }, versions: [{ name: 'v1', weight: 1, endpoints: { static: ['127.0.0.1:1'] }, ...version }] }))
  })
  return (await createConfigResolver()({ bytes: Buffer.from(text), fileName: 'weir.yaml', env: {}, args: [] })).config
}

const ca = authorities('ca')

function specsOf (config: Config, authoritiesOf: (file: string) => Authorities) {
  const common = { ...dataPlaneOptions(config, 0), overrides: config.overrides }
  return routeSpecs(config.routes, { common, slotFor: () => 0, files: { authoritiesOf, keysOf: files => files.map(file => ({ id: file, secret: Buffer.from(file) })) } })
}

t.test('a version says how its endpoints are reached', async t => {
  const config = await configOf([{}, { tls: {} }, { tls: { ca: '/ca.pem', serverName: 'a.test', verify: true } }])
  const specs = specsOf(config, file => {
    t.equal(file, '/ca.pem')
    return ca
  })
  t.strictSame(specs.map(({ versions }) => versions[0]), [
    { name: 'v1', slot: 0 },
    { name: 'v1', slot: 0, tls: { verify: true } },
    { name: 'v1', slot: 0, tls: { ca, serverName: 'a.test', verify: true } }
  ])
})

t.test('a message carries a file once, however many versions name it', async t => {
  const sizeOf = async (count: number): Promise<number> => {
    const config = await configOf(Array.from({ length: count }, () => ({ tls: { ca: '/ca.pem' } })))
    const bytes = serialize(specsOf(config, () => ca))
    t.equal(bytes.toString('latin1').split('BEGIN CERTIFICATE').length - 1, 1)
    t.strictSame(deserialize(bytes)[count - 1].versions[0].tls.ca, ca)
    return bytes.length
  }
  t.ok(await sizeOf(100) < 100 * await sizeOf(1))
})
