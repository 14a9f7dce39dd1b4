/**
 * The answer of explain that README, docs/admin-api.md and the OpenAPI document show is what the quickstart answers.
 */
import path from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import openapi from '../../../src/admin/openapi.json' with { type: 'json' }
import { ExplainBench } from '../../helpers/explain-bench.ts'
import { blockAfter, readPage, ROOT } from './page.ts'

const MARK = '<!-- example: explain -->'

const { config } = await loadConfig({ file: path.join(ROOT, 'config/weir.yaml'), env: {}, args: [] })
const bench = new ExplainBench(config.routes, 2)
bench.split({ stable: 50, canary: 50 })
const answer = await bench.ask({ ip: '127.0.0.9' })

t.test('README shows it as it comes', async t => {
  t.equal(blockAfter(readPage('README.md'), MARK).split('\n').find(line => line.startsWith('{')), JSON.stringify(answer))
})

t.test('docs/admin-api.md shows it with line breaks', async t => {
  const shown = blockAfter(readPage('docs/admin-api.md'), MARK)
  t.same(JSON.parse(shown.slice(shown.indexOf('{'))), answer)
})

t.test('the OpenAPI document shows it', async t => {
  t.same(openapi.paths['/v1/routes/{route}/explain'].get.responses['200'].content['application/json'].example, answer)
})
