/**
 * Prints the tables of a proxy results file: `node bench/table.ts bench/results/proxy-DATE.json [--small]`; `--small` is
 * the table of README.md.
 */
import { parseArgs } from 'node:util'
import { proxySummary, proxyTables, type ProxyResults } from './harness/proxy-table.ts'
import { readResults } from './harness/results-file.ts'

const { values, positionals: [file] } = parseArgs({ allowPositionals: true, options: { small: { type: 'boolean', default: false } } })
const results = file === undefined ? undefined : readResults(file)
if (results?.scenario !== 'proxy') {
  process.stderr.write('usage: node bench/table.ts bench/results/proxy-DATE.json [--small]\n')
  process.exit(2)
}
// The runs of scenario `proxy` are those of run.ts.
const proxyResults = results as ProxyResults
process.stdout.write(`${values.small ? proxySummary(proxyResults) : proxyTables(proxyResults)}\n`)
