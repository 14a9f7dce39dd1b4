/**
 * `weir` as a command: what is printed where, and the exit codes.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { MAIN, runWeir } from '../../helpers/weir-process.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const EXAMPLE = path.join(ROOT, 'config/weir.yaml')

async function fileOf (t: Test, text: string): Promise<string> {
  const file = path.join(t.testdir(), 'weir.yaml')
  await writeFile(file, text)
  return file
}

t.test('weir validate accepts a good file, warns of an odd one, and lists the faults of a bad one', async t => {
  const bad = await fileOf(t, 'listeners: []\nroutes:\n  - { name: hello, versions: [{ name: v1, weight: -1, endpoints: { static: [] } }] }\n')
  const odd = path.join(ROOT, 'test/fixtures/config/valid-with-warnings.yaml')
  const [good, warned, faulty, missing] = await Promise.all([EXAMPLE, odd, bad, '/nowhere/x.yaml'].map(async file => await runWeir(['validate', '--config', file])))
  t.same(good, { code: 0, stdout: 'The configuration is valid. Listeners: 1, routes: 1.\n', stderr: '' })
  t.equal(warned?.code, 0)
  t.match(warned?.stderr, /^warning: /)
  t.equal(faulty?.code, 1)
  t.equal(faulty?.stdout, '')
  t.match(faulty?.stderr, /listeners/)
  t.match(faulty?.stderr, /routes\[0\]\.versions\[0\]\.weight.*-1/s)
  t.notMatch(faulty?.stderr, /\n\s+at /)
  t.equal(missing?.code, 1)
  t.match(missing?.stderr, '/nowhere/x.yaml')
})

t.test('weir validate takes the file of WEIR_CONFIG, and the environment and flags as weir run would', async t => {
  const [file, environment, flag] = await Promise.all([
    runWeir(['validate'], { WEIR_CONFIG: EXAMPLE }),
    runWeir(['validate'], { WEIR_CONFIG: EXAMPLE, WEIR_ADMIN_PORT: 'many' }),
    runWeir(['validate', '--admin-port', '0'], { WEIR_CONFIG: EXAMPLE })
  ])
  t.equal(file.code, 0)
  t.equal(environment.code, 1)
  t.match(environment.stderr, 'WEIR_ADMIN_PORT')
  t.equal(flag.code, 2, 'the arguments are wrong')
  t.match(flag.stderr, '--admin-port')
})

t.test('weir validate takes a file, standard input, and --offline', async t => {
  const files = await fileOf(t, 'listeners: [{ name: web, port: 8080 }]\nroutes: []\nadmin: { tokens: [{ name: a, role: viewer, file: nowhere }] }\n')
  const [alone, offline, piped, faulty] = await Promise.all([
    runWeir(['validate', files]),
    runWeir(['validate', '--offline', files]),
    runWeir(['validate', '-', '--log-level', 'warn'], {}, MAIN, 'listeners: [{ name: web, port: 8080 }]\nroutes: []\n'),
    runWeir(['validate', '-'], {}, MAIN, 'listeners: []\nroutes: []\n')
  ])
  t.equal(alone.code, 1)
  t.match(alone.stderr, `given: "${path.resolve('nowhere')}"`, 'the path is told in full')
  t.same(offline, { code: 0, stdout: 'The configuration is valid. Listeners: 1, routes: 0.\n', stderr: '' })
  t.same(piped, offline)
  t.match(faulty, { code: 1, stderr: /^standard input:1:12: listeners: / })
})

t.test('help and version go to standard output', async t => {
  const [help, run, version] = await Promise.all([runWeir(['--help']), runWeir(['help', 'run']), runWeir(['--version'])])
  t.match(help, { code: 0, stderr: '', stdout: /Usage:\n {2}weir run --config FILE/ })
  t.match(run, { code: 0, stderr: '', stdout: /--admin-port/ })
  const manifest: unknown = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'))
  const current: unknown = typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'version') : undefined
  t.same(version, { code: 0, stderr: '', stdout: `weir ${String(current)}\n` })
})

t.test('a wrong command gets one line on standard error and exit code 2', async t => {
  const wrong = await Promise.all([[], ['rnu'], ['run', '--config'], ['help', 'me']].map(async args => await runWeir(args)))
  for (const { code, stdout, stderr } of wrong) {
    t.equal(code, 2)
    t.equal(stdout, '')
    t.match(stderr, /^[^\n]+ Try: weir --help\n$/)
  }
  t.match(wrong[1]?.stderr, /did you mean run\?/)
})

t.test('the launcher passes on arguments and exit codes', async t => {
  const launcher = path.join(ROOT, 'bin/weir.cjs')
  const [version, wrong] = await Promise.all([runWeir(['--version'], {}, launcher), runWeir(['rnu'], {}, launcher)])
  t.match(version, { code: 0, stdout: /^weir \d+\.\d+\.\d+\n$/ })
  t.equal(wrong.code, 2)
})

/** The Node of the system, when there is one that is too old. */
function findOldNode (): string | undefined {
  return ['/usr/bin/node', '/usr/local/bin/node'].find(file => {
    if (!existsSync(file)) return false
    const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8', env: childEnvironment() })
    return Number(/^v(\d+)/.exec(stdout)?.[1]) < 24
  })
}

const oldNode = findOldNode()

t.test('a really old Node gets one clear sentence', { skip: oldNode === undefined ? 'there is none on this machine; test/unit/deploy/launcher.test.ts feigns one' : false }, async t => {
  const { status, stdout, stderr } = spawnSync(oldNode ?? '', [path.join(ROOT, 'bin/weir.cjs'), 'run', '--config', EXAMPLE], { encoding: 'utf8', env: childEnvironment() })
  t.equal(status, 1)
  t.equal(stdout, '')
  t.match(stderr, /^weir: Node 24 or newer is needed and this is Node \d+\.\d+\.\d+; .*npm start.*\n$/)
})
