/** What the Dockerfile promises, as far as a program can see it without building it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import t, { type Test } from 'tap'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { closedPort } from '../../helpers/closed-port.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8')

/** The instructions, each in one line, without comments. */
const instructions = read('Dockerfile').split('\n').filter(line => !line.startsWith('#')).join('\n').replaceAll('\\\n', ' ').split('\n').filter(line => line !== '')
const of = (name: string): readonly string[] => instructions.filter(line => line.startsWith(`${name} `)).map(line => line.slice(name.length + 1).replaceAll(/ +/g, ' '))

t.test('every stage begins with one base, which is named by its digest', async t => {
  const [base] = of('ARG')
  t.match(base, /^NODE_IMAGE=node:26-slim@sha256:[0-9a-f]{64}$/)
  t.equal(of('FROM').length, 3)
  for (const stage of of('FROM')) t.match(stage, /^\$\{NODE_IMAGE\}( AS [a-z]+)?$/)
})

t.test('another base is refused when it is not named by its digest', async t => {
  const check = of('RUN').find(line => line.startsWith('case ')) ?? ''
  for (const [image, code] of [['node:26-slim', 1], ['node:26-slim@sha256:abc', 0]] as const) {
    const child = spawn('sh', ['-c', check], { env: childEnvironment({ NODE_IMAGE: image }), stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text })
    await once(child, 'close')
    t.equal(child.exitCode, code)
    t.match(said, code === 0 ? /^$/ : /name it by its digest/)
  }
})

t.test('packages come from the lock file and run nothing of their own', async t => {
  const installs = of('RUN').filter(line => line.includes('npm '))
  t.equal(installs.length, 2)
  for (const line of installs) t.match(line, /^npm ci --ignore-scripts /)
})

t.test('the Node that ships is the one of the lock file, with its checksum, on both platforms of images', async t => {
  const lock: { readonly packages: Readonly<Record<string, { readonly version: string, readonly integrity?: string }>> } = JSON.parse(read('package-lock.json'))
  const [x64, arm64] = ['x64', 'arm64'].map(cpu => lock.packages[`node_modules/node-linux-${cpu}`])
  t.match([x64, arm64], [{ version: /^26\./, integrity: /^sha512-/ }, { version: x64?.version, integrity: /^sha512-/ }])
  t.ok(of('RUN').some(line => line.includes('mv node_modules/node-linux-*/bin/node /node')))
  t.ok(of('COPY').includes('--from=dependencies /node /usr/local/bin/node'))
})

t.test('what is copied is let into the build context, and nothing else', async t => {
  const allowed = read('.dockerignore').split('\n').filter(line => line.startsWith('!')).map(line => line.slice(1))
  const copied = of('COPY').filter(line => !line.startsWith('--from')).flatMap(line => line.split(' ').slice(0, -1))
  for (const file of copied) t.ok(allowed.some(name => name === file || name.startsWith(`${file}/`)), file)
  for (const name of allowed) t.ok(copied.some(file => name === file || name.startsWith(`${file}/`)), name)
})

t.test('it runs as nobody, and its health is asked for by a program of the image', async t => {
  t.same(of('USER'), ['65532:65532'])
  t.match(of('HEALTHCHECK'), [/CMD \["node", "\/app\/bin\/healthcheck\.cjs"\]$/])
})

/** How the health check ends, and what it says. */
async function healthOf (env: Readonly<Record<string, string>>): Promise<readonly [number | null, string]> {
  const child = spawn(NODE, [...NODE_FIRST, path.join(ROOT, 'bin/healthcheck.cjs')], { env: childEnvironment(env), stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text })
  await once(child, 'close')
  return [child.exitCode, said]
}

async function serve (t: Test, status: number): Promise<{ readonly port: string, readonly asked: readonly string[] }> {
  const asked: string[] = []
  const server = http.createServer((request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''} ${request.headers.authorization ?? ''}`)
    response.writeHead(status).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const address = server.address()
  return { port: String(typeof address === 'object' && address !== null ? address.port : 0), asked }
}

t.test('the health check asks /healthz without a token, on the port of the probes if there is one', async t => {
  const [well, unwell] = [await serve(t, 200), await serve(t, 503)]
  t.same(await healthOf({ WEIR_ADMIN_PORT: well.port }), [0, ''])
  t.same(well.asked, ['GET /healthz '])
  t.same(await healthOf({ WEIR_ADMIN_PORT: unwell.port }), [1, ''])
  t.same(await healthOf({ WEIR_ADMIN_PORT: unwell.port, WEIR_ADMIN_PROBES_PORT: well.port }), [0, ''])
  t.match(await healthOf({ WEIR_ADMIN_PORT: String(await closedPort()) }), [1, /^healthcheck: 127\.0\.0\.1 port \d+: .*ECONNREFUSED/])
})
