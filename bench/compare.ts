/**
 * Compares the figures of two results files of one scenario.
 *
 *   node bench/compare.ts BEFORE.json AFTER.json [--threshold 5] [--only weir]
 *
 * Exit code: 0 when no figure is worse by more than the threshold (per cent), 1 when one is, 2 when they can't be compared.
 */
import { parseArgs } from 'node:util'
import { markdownTable, shortNumber } from './harness/markdown.ts'
import { readResults, type Figure } from './harness/results-file.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { threshold: { type: 'string', default: '5' }, only: { type: 'string', default: '' } }
})
const threshold = Number(values.threshold)
const [beforeFile, afterFile, ...rest] = positionals
if (beforeFile === undefined || afterFile === undefined || rest.length > 0 || !(threshold >= 0)) {
  process.stderr.write('usage: node bench/compare.ts BEFORE.json AFTER.json [--threshold PER_CENT] [--only TEXT_IN_THE_NAME]\n')
  process.exit(2)
}

const before = readResults(beforeFile)
const after = readResults(afterFile)
const common = before.figures.flatMap((old): readonly (readonly [Figure, Figure])[] => {
  const now = after.figures.find(figure => figure.name === old.name && figure.name.includes(values.only))
  return now === undefined ? [] : [[old, now]]
})
if (before.scenario !== after.scenario || common.length === 0) {
  process.stderr.write(`nothing to compare: ${before.scenario} and ${after.scenario} have ${common.length} figures in common\n`)
  process.exit(2)
}
if (before.machine.cpu !== after.machine.cpu || before.machine.cores !== after.machine.cores) {
  process.stderr.write('The machines differ; only ratios can be compared.\n')
}

/** By how many per cent a figure has become worse; negative: better. */
function worseBy (old: Figure, now: Figure): number {
  const change = (now.value / old.value - 1) * 100
  return old.better === 'lower' ? change : -change
}

const rows = common.map(([old, now]) => {
  const worse = worseBy(old, now)
  const name = old.unit === '' ? old.name : `${old.name}, ${old.unit}`
  const change = `${worse > 0 ? '+' : ''}${worse.toFixed(1)} %`
  return [name, shortNumber(old.value), shortNumber(now.value), change, worse > threshold ? '**worse**' : '']
})
process.stdout.write(`${markdownTable(['figure', 'before', 'after', 'worse by', ''], rows)}\n`)
const worse = common.filter(([old, now]) => worseBy(old, now) > threshold).length
process.stdout.write(`\n${worse} of ${common.length} figures are worse by more than ${threshold} %\n`)
process.exitCode = worse > 0 ? 1 : 0
