import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { BATCHES, filesOf } from '../helpers/batches.ts'

const root = path.resolve(import.meta.dirname, '../..')

t.test('npm test runs every test once: alone, or in one batch', async t => {
  const settings: unknown = parse(readFileSync(path.join(root, '.taprc'), 'utf8'))
  const include: unknown = typeof settings === 'object' && settings !== null ? Reflect.get(settings, 'include') : undefined
  const programs = Array.isArray(include) ? include.flatMap(pattern => globSync(String(pattern), { cwd: root })) : []
  const names = Object.keys(BATCHES) as ReadonlyArray<keyof typeof BATCHES> // the names of a constant object
  t.same(programs.filter(file => file.startsWith('test/batches/')).toSorted(), names.map(name => `test/batches/${name}.ts`).toSorted(), 'each batch is a program')
  const run = [...programs.filter(file => !file.startsWith('test/batches/')), ...names.flatMap(filesOf)]
  t.same(run.toSorted(), globSync('test/**/*.test.ts', { cwd: root }).toSorted())
})

for (const name of Object.keys(BATCHES)) {
  t.test(`the program of the batch ${name} runs that one`, async t => {
    t.match(readFileSync(path.join(root, `test/batches/${name}.ts`), 'utf8'), `await runBatch('${name}')`)
  })
}
