/**
 * Everything that must hold beside the tests: `npm run check`, or `npm run check lint typecheck` for some of it.
 * They run at the same time, as many as there are cores; each shows what it has said when it is over. A step that fails does not stop the
 * others. Ends with 1 when any has failed. Each step ends with a line `check NAME: passed (1.2 s)` or `check NAME: failed (1.2 s)`.
 *
 * The linter keeps no cache: its rules on types look through a file into those that it imports, so a file that has not changed may be wrong
 * today.
 */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'

const root = path.resolve(import.meta.dirname, '..')
const bin = (packageName: string, file: string): string => path.join(root, 'node_modules', packageName, file)

interface Step {
  readonly name: string
  /** The arguments of Node. */
  readonly args: readonly string[]
}

const STEPS: readonly Step[] = [
  { name: 'lint', args: [bin('eslint', 'bin/eslint.js'), '.', '--max-warnings=0'] },
  { name: 'typecheck', args: [bin('typescript', 'bin/tsc'), '-p', 'tsconfig.json'] },
  { name: 'architecture', args: ['--test', '--test-reporter=dot', 'test/architecture/*.test.ts'] },
  { name: 'exports', args: [bin('knip', 'bin/knip.js')] },
  { name: 'unused', args: [bin('knip', 'bin/knip.js'), '--production'] },
  { name: 'freshness', args: ['scripts/generate.ts', '--check'] }
]

async function run (step: Step): Promise<boolean> {
  const startedMs = performance.now()
  // In seconds: a test that is not started by the test runner has 30 otherwise, and the one of the linter needs more on a busy machine.
  const env = { ...process.env, TAP_TIMEOUT: '3600' }
  const child = spawn(process.execPath, step.args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = Promise.withResolvers<boolean>()
  child.once('error', error => {
    console.error(error.message)
    ended.resolve(false)
  })
  child.once('close', code => { ended.resolve(code === 0) })
  const [passed, out, errors] = await Promise.all([ended.promise, text(child.stdout), text(child.stderr)])
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`\n> ${step.name}\n${out}${errors}check ${step.name}: ${passed ? 'passed' : 'failed'} (${seconds} s)`)
  return passed
}

/** Runs the steps, as many at a time as there are cores. @returns the names of those that failed */
async function runAll (steps: readonly Step[]): Promise<readonly string[]> {
  const waiting = [...steps]
  const failed = new Set<string>()
  const lane = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) if (!await run(step)) failed.add(step.name)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, lane))
  return steps.map(({ name }) => name).filter(name => failed.has(name))
}

async function main (names: readonly string[]): Promise<number> {
  const unknown = names.filter(name => !STEPS.some(step => step.name === name))
  if (unknown.length > 0) {
    console.error(`check: no step is called ${unknown.join(', ')}; there are ${STEPS.map(step => step.name).join(', ')}`)
    return 1
  }
  const failed = await runAll(names.length === 0 ? STEPS : STEPS.filter(step => names.includes(step.name)))
  console.log(failed.length === 0 ? '\ncheck: all passed' : `\ncheck: failed: ${failed.join(', ')}`)
  return failed.length === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
