import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { endWithParent } from '../../helpers/end-with-parent.ts'

const LAUNCHER = path.resolve(import.meta.dirname, '../../../bin/weir.cjs')

/** Runs the launcher in a folder of its own, with whatever it is to find there. */
function launch (t: Test, files: Readonly<Record<string, string | Readonly<Record<string, string>>>>, args: readonly string[] = []) {
  const folder = t.testdir({ bin: {}, 'package.json': '{ "type": "module" }', ...files })
  const launcher = path.join(folder, 'bin/weir.cjs')
  copyFileSync(LAUNCHER, launcher)
  const { status, stdout, stderr } = spawnSync(NODE, [...NODE_FIRST, ...args, launcher, 'run', '--config', 'x'], { cwd: folder, encoding: 'utf8', env: childEnvironment() })
  return { status, stdout, stderr }
}

const PRINTS_ARGUMENTS = 'console.log(process.argv.slice(2).join(" "))'

t.test('it runs the build with the arguments', async t => {
  t.same(launch(t, { dist: { 'main.js': PRINTS_ARGUMENTS }, src: { 'main.ts': 'console.log("source")' } }), { status: 0, stdout: 'run --config x\n', stderr: '' })
})

t.test('it runs the sources when there is no build', async t => {
  t.same(launch(t, { src: { 'main.ts': `const answer: string = 'typed'\nconsole.log(answer)\n${PRINTS_ARGUMENTS}` } }), { status: 0, stdout: 'typed\nrun --config x\n', stderr: '' })
})

t.test('an old Node gets one sentence and nothing is loaded', async t => {
  const result = launch(t, {
    dist: { 'main.js': PRINTS_ARGUMENTS },
    'old-node.cjs': 'Object.defineProperty(process, "versions", { value: { node: "20.20.2" } })'
  }, ['--require', './old-node.cjs'])
  t.equal(result.status, 1)
  t.equal(result.stdout, '')
  t.match(result.stderr, /^weir: Node 24 or newer is needed and this is Node 20\.20\.2; .*npm start.*\n$/)
})

t.test('it says so when there is nothing to run', async t => {
  const { status, stderr } = launch(t, {})
  t.equal(status, 1)
  t.match(stderr, /npm run build/)
})

t.test('an error of the program is passed on', async t => {
  const { status, stderr } = launch(t, { dist: { 'main.js': 'throw new RangeError("no such thing")' } })
  t.equal(status, 1)
  t.match(stderr, /RangeError: no such thing\n +at /)
})

const NEVER_LOADED = 'console.log("loading"); await new Promise(resolve => setInterval(resolve, 2 ** 30))'

interface Signalled {
  readonly command?: string
  readonly signals: readonly NodeJS.Signals[]
  /** Of Node itself. */
  readonly args?: readonly string[]
}

/** Sends signals, one after the other, to a launcher whose program has begun to load. */
async function signalled (t: Test, main: string, { command = 'run', signals, args = [] }: Signalled) {
  const folder = t.testdir({ bin: {}, 'package.json': '{ "type": "module" }', dist: { 'main.js': main } })
  const launcher = path.join(folder, 'bin/weir.cjs')
  copyFileSync(LAUNCHER, launcher)
  const child = spawn(NODE, [...NODE_FIRST, ...endWithParent(), ...args, launcher, command], { cwd: folder, env: childEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => { stderr += bytes.toString() })
  await once(child.stdout, 'data')
  for (const signal of signals) child.kill(signal)
  const [code, by]: unknown[] = await ended
  return { code, by, stderr }
}

for (const signal of ['SIGTERM', 'SIGQUIT', 'SIGINT'] as const) {
  t.test(`${signal} before the program hears it ends it in peace`, async t => {
    t.same(await signalled(t, NEVER_LOADED, { signals: ['SIGHUP', 'SIGUSR1', 'SIGUSR2', signal] }), {
      code: 0, by: null, stderr: `weir: ${signal} came before weir was started\n`
    })
  })
}

t.test('what else listens to signals, from before it started, does not keep it from ending', async t => {
  const listens = ['--import', "data:text/javascript,process.on('SIGTERM', () => {})"]
  t.match(await signalled(t, NEVER_LOADED, { signals: ['SIGTERM'], args: listens }), { code: 0, by: null })
})

t.test('a program that hears signals is asked by them, and by nobody else', async t => {
  const hears = `process.on('SIGTERM', () => { process.exit(7) }); ${NEVER_LOADED}`
  t.same(await signalled(t, hears, { signals: ['SIGTERM'] }), { code: 7, by: null, stderr: '' })
})

t.test('other commands are ended by signals as any program is', async t => {
  t.same(await signalled(t, NEVER_LOADED, { command: 'validate', signals: ['SIGTERM'] }), { code: null, by: 'SIGTERM', stderr: '' })
})
