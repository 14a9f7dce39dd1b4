/**
 * The real process: a CA file that is wrong, that is missing, and that changes under traffic.
 */
import { copyFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { connectClient, getOnce } from '../../helpers/keep-alive-client.ts'
import { ok, RawOrigin } from '../../helpers/raw-origin.ts'
import { certificateFile, certificatePem, originTls, type CertificateName } from '../../helpers/upstream-certificates.ts'
import { complete, eventually, runWeir, startWeir, temporaryDirectory, type PlainConfig, type WeirProcess } from '../../helpers/weir-process.ts'

async function origin (t: Test, name: CertificateName): Promise<RawOrigin> {
  const origin = await RawOrigin.startSecure(originTls(name), (_, connection) => { connection.send(ok(name)) })
  t.teardown(async () => { await origin.close() })
  return origin
}

/** A route to a secure origin, and one to a plain one at `/plain`. */
function configOf (port: number, tls: PlainConfig, plain = port): PlainConfig {
  return {
    workers: 2,
    routes: [
      { name: 'secure', versions: [{ name: 'v1', weight: 1, endpoints: { static: [`127.0.0.1:${port}`] }, tls }] },
      { name: 'plain', match: { path: '/plain' }, versions: [{ name: 'v1', weight: 1, endpoints: { static: [`127.0.0.1:${plain}`] } }] }
    ]
  }
}

/** Puts another file in the place of the CA file, in one step, and waits until Weir has said what it thinks of it. */
async function replace (weir: WeirProcess, file: string, message: string, content: () => Promise<void>): Promise<void> {
  const from = weir.log.length
  await content()
  await rename(`${file}.new`, file)
  await weir.untilLogged(message, from)
}

t.test('a CA file that changes: new connections use it, and no request is harmed', async t => {
  const [named, other] = [await origin(t, 'named'), await origin(t, 'other')]
  const directory = await temporaryDirectory(t)
  const ca = path.join(directory, 'ca.pem')
  await copyFile(certificateFile('ca'), ca)
  const tls = { ca, serverName: 'origin.test' }
  const weir = await startWeir(t, { directory, config: () => configOf(named.port, tls) })
  const statusNow = async (): Promise<number> => (await getOnce({ port: weir.ports.web }, '/')).status
  t.equal(await statusNow(), 200)
  const kept = await connectClient({ port: weir.ports.web })
  t.match(await kept.get('/'), { status: 200, body: 'named' })

  const readAgain = 'the authorities for endpoints were read again'
  await replace(weir, ca, readAgain, async () => { await copyFile(certificateFile('other-ca'), `${ca}.new`) })
  // Both workers have to have it.
  await eventually(async () => (await Promise.all(Array.from({ length: 8 }, statusNow))).every(status => status === 502) ? true : undefined)
  t.equal((await kept.get('/')).status, 502)

  await weir.replaceConfig(complete(configOf(other.port, tls), weir.ports))
  await weir.untilLogged('the configuration was reloaded')
  await eventually(async () => (await kept.get('/')).status === 200 ? true : undefined)

  const refused = "the authorities for endpoints can't be read again; the last good ones stay in force"
  await replace(weir, ca, refused, async () => { await writeFile(`${ca}.new`, `${certificatePem('other-ca').slice(0, 300)}\n`) })
  t.match(weir.logged(refused), [{ file: ca, fault: "is not valid PEM: certificate 1 in it can't be read" }])
  t.equal((await kept.get('/')).status, 200)
  t.equal(await statusNow(), 200)

  await replace(weir, ca, readAgain, async () => { await writeFile(`${ca}.new`, certificatePem('ca') + certificatePem('other-ca')) })
  t.equal(await statusNow(), 200)
  const from = weir.log.length
  await rm(ca)
  await weir.untilLogged(refused, from)
  t.equal(await statusNow(), 200, 'the last good ones stay when the file is gone')
  t.equal(await weir.stop(), 0)
})

t.test('a reload to a CA file that can\'t be used is refused, and to one that can is not', async t => {
  const [named, plain] = [await origin(t, 'named'), await RawOrigin.start((_, connection) => { connection.send(ok('plain')) })]
  t.teardown(async () => { await plain.close() })
  const weir = await startWeir(t, { config: () => configOf(named.port, { verify: false }, plain.port) })
  t.match(await weir.untilLogged('the configuration is odd'), { fault: /routes\[0\]\.versions\[0\]\.tls\.verify: checks no certificate/ })
  t.match(await getOnce({ port: weir.ports.web }, '/'), { status: 200, body: 'named' })
  t.match(await getOnce({ port: weir.ports.web }, '/plain'), { status: 200, body: 'plain' })
  const missing = path.join(weir.directory, 'missing.pem')
  await weir.replaceConfig(complete(configOf(named.port, { ca: missing, serverName: 'origin.test' }, plain.port), weir.ports))
  const { error } = await weir.untilLogged('the new configuration could not be applied; the last good one stays in force')
  t.match(error, /routes\[0\]\.versions\[0\]\.tls\.ca: names a file that does not exist; is the volume mounted, and the path right\?; given: ".*missing\.pem"/)
  t.match(await getOnce({ port: weir.ports.web }, '/'), { status: 200, body: 'named' })
  await copyFile(certificateFile('ca'), missing)
  await weir.replaceConfig(complete({ ...configOf(named.port, { ca: missing, serverName: 'origin.test' }, plain.port), workers: 1 }, weir.ports))
  await weir.untilLogged('the configuration was reloaded')
  t.match(await getOnce({ port: weir.ports.web }, '/'), { status: 200, body: 'named' })
})

t.test('a start and a validation with a CA file that can\'t be used name the option and what to do', async t => {
  const directory = await temporaryDirectory(t)
  const file = path.join(directory, 'weir.yaml')
  const key = certificateFile('key')
  for (const [tls, expected] of [
    [{ ca: path.join(directory, 'gone.pem') }, /weir\.yaml: routes\[0\]\.versions\[0\]\.tls\.ca: names a file that does not exist; is the volume mounted/],
    [{ ca: key }, /routes\[0\]\.versions\[0\]\.tls\.ca: names a file that has no certificate; PEM is expected/],
    [{ ca: directory }, /routes\[0\]\.versions\[0\]\.tls\.ca: names a file that is not a regular file/]
  ] as const) {
    await writeFile(file, JSON.stringify(complete(configOf(1, tls), { web: 3, admin: 2, more: [] })))
    const validated = await runWeir(['validate', '--config', file])
    t.equal(validated.code, 1)
    t.match(validated.stderr, expected)
  }
  await writeFile(file, JSON.stringify({ ...configOf(1, { ca: certificateFile('ca'), verify: false }), listeners: [{ name: 'web', port: 8080 }] }))
  const valid = await runWeir(['validate', '--config', file])
  t.equal(valid.code, 0)
  t.match(valid.stderr, /warning: .*tls\.verify: checks no certificate/)
})

t.test('a start with a CA file that can\'t be used fails', async t => {
  await t.rejects(startWeir(t, { config: () => configOf(1, { ca: certificateFile('key') }) }), /tls\.ca: names a file that has no certificate.*weir could not start/)
})
