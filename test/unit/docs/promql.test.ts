/**
 * Every PromQL expression of the documents is evaluated by Prometheus' own promtool, over what two instances of Weir expose.
 */
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { slotView } from '../../../src/telemetry/counter-layout.ts'
import { ControlMetrics } from '../../../src/telemetry/control-metrics.ts'
import { CounterBook } from '../../../src/telemetry/counter-book.ts'
import { labelText } from '../../../src/telemetry/exposition.ts'
import { ObservedShares } from '../../../src/telemetry/observed-share.ts'
import { PromCollector } from '../../../src/telemetry/prom-collector.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { expositionOf, parseExposition } from '../../helpers/exposition-parser.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { listPages, readPage } from './page.ts'

const expressions = listPages()
  .flatMap(page => [...readPage(page).matchAll(/```promql\n([^`]*)```/g)].map(match => (match[1] ?? '').trim()))
const INSTANCES = ['weir-0:9901', 'weir-1:9901']
/** Counters grow for two hours, a sample a minute. */
const MINUTES = 120

/** What one Weir exposes that has something to say to every question. */
async function exposition (): Promise<string> {
  const clock = new FakeClock()
  const book = new CounterBook(clock)
  const shares = new ObservedShares(clock)
  const control = new ControlMetrics(clock, { version: '0.1.0', node: 'v26.0.0' })
  const slots = ['stable', 'canary'].map(version => book.slotFor('hello', version))
  book.addWorker(0)
  await shares.sample(book.requestCounts())
  for (const slot of slots) slotView(book.segmentsOf(0), slot).fill(1)
  clock.advance(5_000)
  await shares.sample(book.requestCounts())
  control.configReloaded('failure')
  control.watchRestarted('shop', 'gone')
  control.workerRestarted()
  const ready = { address: '10.0.0.1', port: 80, ready: true, serving: true, terminating: false }
  const collector = new PromCollector({
    clock,
    book,
    shares,
    control,
    routes: () => [{
      name: 'hello',
      epoch: 7,
      versions: [
        { name: 'stable', weight: 3, endpoints: [ready, { ...ready, port: 81 }], available: 1, panicWorkers: 2 },
        { name: 'canary', weight: 1, endpoints: [], available: 0, panicWorkers: 0 }
      ]
    }],
    workers: () => [{ id: 0, appliedEpoch: () => 6 }, { id: 1, appliedEpoch: () => 7 }],
    controlLoop: () => ({ lagS: 0.001, maxLagS: 0.25, utilization: 0.95 }),
    writerDropped: () => 11
  })
  return await expositionOf(collector)
}

/** The series of both instances as promtool wants them: what counts grows, the rest stays as it is. */
function seriesOf (text: string): ReadonlyArray<{ readonly series: string, readonly values: string }> {
  const families = [...parseExposition(text).values()]
  return families.flatMap(({ type, samples }) => samples.flatMap(({ name, labels, value }) => INSTANCES.map(instance => ({
    series: `${name}{${labelText({ ...labels, job: 'weir', instance })}}`,
    values: type === 'gauge' ? `${value}x${MINUTES}` : `0+1x${MINUTES}`
  }))))
}

/** What promtool finds for each expression, when it is told to expect nothing; and all that it says. */
async function evaluate (directory: string): Promise<{ readonly found: ReadonlyMap<string, string>, readonly said: string }> {
  const file = path.join(directory, 'promql.test.json')
  await writeFile(file, JSON.stringify({
    rule_files: [],
    evaluation_interval: '1m',
    tests: [{
      interval: '1m',
      input_series: seriesOf(await exposition()),
      promql_expr_test: expressions.map(expr => ({ expr, eval_time: `${MINUTES}m`, exp_samples: [] }))
    }]
  }))
  const { stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8', env: childEnvironment() })
  const said = stdout + stderr
  const found = said.split(/^ *expr: /m).slice(1).map((block): [string, string] => [
    String(JSON.parse(/^"(?:[^"\\]|\\.)*"/.exec(block)?.[0] ?? '""')),
    block
  ])
  return { found: new Map(found), said }
}

t.ok(expressions.length > 8, 'there are expressions')
if (spawnSync('promtool', ['--version'], { env: childEnvironment() }).error !== undefined) {
  t.comment('promtool is not there (Debian has it in the package prometheus): the PromQL of the documents was not evaluated')
} else {
  const { found, said } = await evaluate(t.testdir())
  t.notMatch(said, /many-to-many|many-to-one|duplicate series|parse error/i)
  for (const expr of expressions) t.match(found.get(expr), /^ *got: ?\{/m, `it has an answer: ${expr.replaceAll(/\s+/g, ' ')}`)
}
