import { readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { metricsDoc } from '../../../scripts/generators/metrics-doc.ts'
import { METRIC_NAMES, metricRow } from '../../../src/telemetry/metric-catalogue.ts'

const text = await metricsDoc.content()

t.test('docs/metrics.md is what the generator writes', async t => {
  const file = path.resolve(import.meta.dirname, '../../..', metricsDoc.path)
  t.equal(await readFile(file, 'utf8'), text, 'run `npm run generate`')
})

t.test('the page lists each metric once, with its type and labels', t => {
  const rows = new Map<string, string>()
  for (const [, name = '', type, labels] of text.matchAll(/^\| `([a-z_]+)` \| ([a-z]+) \| ([a-z_` ]*) \| .*\|$/gm)) {
    t.notOk(rows.has(name), name)
    rows.set(name, `${type} ${labels?.replaceAll('`', '').trim()}`)
  }
  t.strictSame([...rows.keys()].sort(), METRIC_NAMES.toSorted())
  for (const name of METRIC_NAMES) t.equal(rows.get(name), `${metricRow(name).type} ${metricRow(name).labels.join(' ')}`, name)
  t.end()
})

t.test('the queries name only metrics and labels that exist', t => {
  const queries = [...text.matchAll(/```promql\n([^`]*)```/g)].map(([, query]) => query ?? '')
  t.ok(queries.length > 8)
  const labels: ReadonlySet<string> = new Set(['le', 'job', 'instance', ...METRIC_NAMES.flatMap(name => metricRow(name).labels)])
  for (const query of queries) {
    const names = query.match(/\b(weir|process|nodejs)_[a-z_]+/g) ?? []
    t.ok(names.length > 0, query)
    for (const name of names) {
      t.ok(METRIC_NAMES.some(known => name === known || (metricRow(known).type === 'histogram' && name === `${known}_bucket`)), name)
    }
    for (const [, list = ''] of query.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
      for (const label of list.split(', ')) t.ok(labels.has(label), label)
    }
    for (const [, label = ''] of query.matchAll(/[{,]([a-z_]+)="/g)) t.ok(labels.has(label), label)
  }
  t.end()
})
