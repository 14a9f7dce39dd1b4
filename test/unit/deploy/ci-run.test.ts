import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { PATIENCE_MS } from '../../helpers/patience.ts'

const RUN = path.resolve(import.meta.dirname, '../../../.ci/run')

/** Runs .ci/run in a folder of its own with an npm that prints what the test wants. */
function run (t: Test, npm: Readonly<Record<string, string>>) {
  const cases = Object.entries(npm).map(([command, script]) => `  "${command}"*) ${script};;`).join('\n')
  const folder = t.testdir({ '.ci': {}, bin: { npm: `#!/bin/sh\ncase "$*" in\n${cases}\n  *) exit 0;;\nesac\n` } })
  chmodSync(path.join(folder, 'bin/npm'), 0o755)
  copyFileSync(RUN, path.join(folder, '.ci/run'))
  const env = childEnvironment({ PATH: `${path.join(folder, 'bin')}${path.delimiter}${process.env['PATH'] ?? ''}` })
  const { status, stdout } = spawnSync('bash', [path.join(folder, '.ci/run')], { encoding: 'utf8', env, timeout: PATIENCE_MS })
  return { status, stdout, last: stdout.trimEnd().split('\n').at(-1) }
}

const GOOD_TESTS = 'printf "ok 1 - a\\n# { total: 40, pass: 39, skip: 1 }\\n# time=1ms\\n"'
const GOOD_CHECKS = 'printf "check lint: passed (1.0 s)\\ncheck typecheck: passed (1.0 s)\\n"'

t.test('when all is well it counts assertions, checks and steps', async t => {
  const { status, last } = run(t, { test: GOOD_TESTS, 'run check': GOOD_CHECKS })
  t.equal(last, '45 passed, 0 failed', '39 assertions, 2 checks, npm ci, build, version and smoke')
  t.equal(status, 0)
})

t.test('control characters in the names of tests do not hide the summary', async t => {
  const { last } = run(t, { test: 'printf "ok 1 - a\\000b\\033[1m\\n# { total: 40, pass: 40 }\\n"', 'run check': GOOD_CHECKS })
  t.equal(last, '46 passed, 0 failed')
})

t.test('failed assertions are counted and shown', async t => {
  const failing = 'printf "not ok 1 - the reason\\n  ---\\n  at: here\\n  ...\\n# { total: 5, pass: 3, fail: 2 }\\n"; exit 1'
  const { status, stdout, last } = run(t, { test: failing, 'run check': GOOD_CHECKS })
  t.equal(last, '9 passed, 2 failed')
  t.match(stdout, 'at: here')
  t.equal(status, 1)
})

t.test('tests that crash without a summary, fail without a failed assertion, or are none at all count as one failure', async t => {
  for (const [script, last] of [
    ['echo boom; exit 7', '6 passed, 1 failed'],
    ['echo boom', '6 passed, 1 failed'],
    ['printf "# { total: 3, pass: 3 }\\n"; exit 1', '9 passed, 1 failed'],
    ['printf "# { total: 0, pass: 0 }\\n"', '6 passed, 1 failed']
  ] as const) {
    const result = run(t, { test: script, 'run check': GOOD_CHECKS })
    t.equal(result.last, last, script)
    t.equal(result.status, 1)
  }
})

t.test('a failed check counts as one, and so do checks that did not get as far as saying so', async t => {
  for (const script of ['printf "check lint: failed (1.0 s)\\ncheck typecheck: passed (1 s)\\n"; exit 1', 'printf "check typecheck: passed (1 s)\\n"; exit 1']) {
    const { status, last } = run(t, { test: GOOD_TESTS, 'run check': script })
    t.equal(last, '44 passed, 1 failed', script)
    t.equal(status, 1)
  }
})

t.test('nothing runs when the installation fails, and nothing that was not built is tried', async t => {
  t.match(run(t, { ci: 'exit 1' }), { last: '0 passed, 1 failed', status: 1 })
  t.match(run(t, { test: GOOD_TESTS, 'run check': GOOD_CHECKS, 'run build': 'exit 1' }), { last: '42 passed, 1 failed', status: 1 })
})
