import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { childEnvironment } from '../../helpers/child-environment.ts'

const LAUNCHER = path.resolve(import.meta.dirname, '../../../bin/weir.cjs')

/** Runs the launcher in a folder of its own, with whatever it is to find there. */
function launch (t: Test, files: Readonly<Record<string, string | Readonly<Record<string, string>>>>, args: readonly string[] = []) {
  const folder = t.testdir({ bin: {}, 'package.json': '{ "type": "module" }', ...files })
  const launcher = path.join(folder, 'bin/weir.cjs')
  copyFileSync(LAUNCHER, launcher)
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args, launcher, 'run', '--config', 'x'], { cwd: folder, encoding: 'utf8', env: childEnvironment() })
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
