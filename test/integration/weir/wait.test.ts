/**
 * `weir wait` as init containers call it, against what is there, what comes later and what never comes.
 */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { WaitCondition } from '../../../src/cli/wait-arguments.ts'
import { look } from '../../../src/cli/wait-look.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { RawOrigin } from '../../helpers/raw-origin.ts'
import { runWeir, startWeir, temporaryDirectory } from '../../helpers/weir-process.ts'

const NEVER = new AbortController().signal
/** RFC 1035 section 2.3.4: no label is so long, which a resolver sees by itself. */
const NO_NAME = 'x'.repeat(64)

async function listening (t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  // Not a pipe, so an AddressInfo.
  return (server.address() as AddressInfo).port
}

t.test('tcp: something that listens is there, a closed port is not', async t => {
  const port = await listening(t, createServer(socket => { socket.destroy() }))
  t.equal(await look({ kind: 'tcp', host: '127.0.0.1', port }, NEVER), undefined)
  t.match(await look({ kind: 'tcp', host: '127.0.0.1', port: await closedPort() }, NEVER), /ECONNREFUSED/)
  t.match(await look({ kind: 'tcp', host: NO_NAME, port }, NEVER), NO_NAME)
})

t.test('dns: a name with an address is there, one without is not', async t => {
  t.equal(await look({ kind: 'dns', name: 'localhost' }, NEVER), undefined)
  t.match(await look({ kind: 'dns', name: NO_NAME }, NEVER), NO_NAME)
})

t.test('http: a status from 200 to 399 is an answer; others, silence and rubbish are not', async t => {
  let answer = ''
  const origin = await RawOrigin.start((_, connection) => { if (answer !== '') connection.send(Buffer.from(answer)) })
  t.teardown(async () => { await origin.close() })
  const url = `http://127.0.0.1:${origin.port}/ready`
  for (const [given, expected] of [
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', undefined],
    ['HTTP/1.1 308 Permanent Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n', undefined],
    ['HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n', 'status 503'],
    ['SSH-2.0-OpenSSH_9.2\r\n', /./]
  ] as const) {
    answer = given
    t.match(await look({ kind: 'http', url }, NEVER), expected, JSON.stringify(given))
  }
  answer = ''
  const controller = new AbortController()
  const silent = look({ kind: 'http', url }, controller.signal)
  await origin.connection(4)
  controller.abort()
  t.equal(await silent, 'no answer')
})

t.test('the command says what it waits for, and exits with 0, 1 or 2', async t => {
  const port = await listening(t, createServer(socket => { socket.destroy() }))
  const closed = await closedPort()
  const [there, quiet, missing, wrong] = await Promise.all([
    runWeir(['wait', '--tcp', `127.0.0.1:${port}`, '--dns', 'localhost']),
    runWeir(['wait', '--quiet', '--tcp', `127.0.0.1:${port}`]),
    runWeir(['wait', '--tcp', `127.0.0.1:${closed}`, '--timeout', '300ms']),
    runWeir(['wait', '--tcp', 'nowhere'])
  ])
  t.match(there, { code: 0, stdout: new RegExp(`^tcp 127\\.0\\.0\\.1:${port}: there after .* s\\ndns localhost: there after .* s\\n$`), stderr: '' })
  t.same(quiet, { code: 0, stdout: '', stderr: '' })
  t.match(missing, { code: 1, stdout: /^waiting for tcp .*ECONNREFUSED/, stderr: /^weir wait: gave up after .*ECONNREFUSED/ })
  t.match(wrong, { code: 2, stdout: '', stderr: /"nowhere" is not an address and port.*Try: weir --help/s })
})

t.test('a version has endpoints when the admin API says so; what else it says is told', async t => {
  const [hello] = await startOrigins(t, ['hello'])
  const directory = await temporaryDirectory(t)
  const tokenFile = path.join(directory, 'token')
  await writeFile(tokenFile, 'viewer-token-0123456789\n')
  const weir = await startWeir(t, {
    directory,
    config: ({ admin }) => ({
      workers: 1,
      admin: { address: '127.0.0.1', port: admin, tokens: [{ name: 'viewer', role: 'viewer', file: tokenFile }] },
      routes: [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { static: [hello.endpoint] } }] }]
    })
  })
  const known = { kind: 'endpoints', route: 'hello', version: 'v1', endpoints: 1, admin: weir.url, tokenFile } as const
  const endpointsOf = (given: Partial<Extract<WaitCondition, { kind: 'endpoints' }>>): ReturnType<typeof look> => look({ ...known, ...given }, NEVER)
  t.equal(await endpointsOf({}), undefined)
  t.equal(await endpointsOf({ endpoints: 2 }), 'there is 1')
  t.equal(await endpointsOf({ version: 'v2' }), 'the route has no such version')
  t.equal(await endpointsOf({ route: 'bye' }), 'there is no such route')
  t.match(await endpointsOf({ tokenFile: undefined }), 'give --token-file')
  t.match(await endpointsOf({ tokenFile: path.join(directory, 'nowhere') }), 'ENOENT')
  await writeFile(`${tokenFile}-other`, 'another-token-0123456789\n')
  t.match(await endpointsOf({ tokenFile: `${tokenFile}-other` }), 'another token')
  const { code, stdout } = await runWeir(['wait', '--route', 'hello', '--version', 'v1', '--admin', weir.url, '--token-file', tokenFile])
  t.match({ code, stdout }, { code: 0, stdout: /^1 endpoint of hello\/v1: there/ })
  t.equal(await weir.stop(), 0)
})
