/**
 * The end of every benchmark: the file, the page, the screen, the exit code.
 */
import { join, relative } from 'node:path'
import { markdownTable, replaceBetweenMarks, shortNumber } from './markdown.ts'
import { PROJECT_ROOT } from './machine.ts'
import { resultsDirectory, writeResults, type Check, type Results } from './results-file.ts'

/**
 * Writes the results file, puts `body` and the checks into bench/README.md (only when the results go to bench/results) and
 * prints them. The exit code is 1 when a check does not hold.
 */
export function publish (results: Results<unknown>, body: string): void {
  const file = writeResults(results)
  const parts = [circumstances(results, relative(join(PROJECT_ROOT, 'bench'), file)), body, checksTable(results.checks)]
  const section = parts.filter(part => part !== '').join('\n\n')
  if (resultsDirectory().published) replaceBetweenMarks(join(PROJECT_ROOT, 'bench/README.md'), results.scenario, section)
  process.stdout.write(`\n${section}\n\nwritten: ${file}\n`)
  if (results.checks.some(check => !check.holds)) process.exitCode = 1
}

function circumstances (results: Results<unknown>, file: string): string {
  const { machine, build } = results
  const commit = `${build.weirCommit ?? 'without a commit'}${build.uncommitted ? ' with uncommitted changes' : ''}`
  const load = machine.loadAtStart.toFixed(2)
  const settings = Object.entries(results.settings).map(([name, value]) => `${name}=${value} `).join('')
  const lines = [
    `${results.startedAt.slice(0, 16).replace('T', ' ')} UTC, Weir ${commit}, Node ${build.node}.`,
    `Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryMib} MiB, Linux ${machine.kernel}; load at the start ${load}.`,
    `Command: \`${settings}${results.command}\`. Every run: [${file}](${file}).`
  ]
  return [...lines, ...results.notes].join('\n')
}

function checksTable (checks: readonly Check[]): string {
  if (checks.length === 0) return ''
  return markdownTable(['promise', 'measured', 'limit', 'holds'], checks.map(check => [
    check.what, quantity(check.measured, check.unit), quantity(check.limit, check.unit), check.holds ? 'yes' : '**no**'
  ]))
}

function quantity (value: number, unit: string): string {
  return `${shortNumber(value)} ${unit}`.trim()
}
