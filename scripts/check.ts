/**
 * Everything that must hold beside the tests: `npm run check`, or `npm run check lint typecheck` for some of it.
 * A step that fails does not stop the others. Ends with 1 when any has failed. Each step ends with a line
 * `check NAME: passed (1.2 s)` or `check NAME: failed (1.2 s)`.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'

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
  { name: 'freshness', args: ['scripts/generate.ts', '--check'] }
]

function run (step: Step): boolean {
  const startedMs = performance.now()
  console.log(`\n> ${step.name}`)
  const { status, error } = spawnSync(process.execPath, step.args, { cwd: root, stdio: 'inherit' })
  if (error !== undefined) console.error(error.message)
  const passed = status === 0
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`check ${step.name}: ${passed ? 'passed' : 'failed'} (${seconds} s)`)
  return passed
}

function main (names: readonly string[]): number {
  const unknown = names.filter((name) => !STEPS.some((step) => step.name === name))
  if (unknown.length > 0) {
    console.error(`check: no step is called ${unknown.join(', ')}; there are ${STEPS.map((step) => step.name).join(', ')}`)
    return 1
  }
  const steps = names.length === 0 ? STEPS : STEPS.filter((step) => names.includes(step.name))
  const failed = steps.filter((step) => !run(step)).map((step) => step.name)
  console.log(failed.length === 0 ? '\ncheck: all passed' : `\ncheck: failed: ${failed.join(', ')}`)
  return failed.length === 0 ? 0 : 1
}

process.exitCode = main(process.argv.slice(2))
