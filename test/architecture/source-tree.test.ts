import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { readSourceFile } from './source-file.ts'
import {
  checkCycles, checkExportedNames, checkFileWords, checkFolderOrder, checkLength, checkModuleState, checkNames, checkPackages, checkUnused,
  checkWidth, ENTRY_SCRIPTS, NAMED_FOR_THE_WHOLE
} from './source-rules.ts'
import { checkForeignNames, checkLockfile, checkReasons, listProjectFiles, readTextFiles } from './tracked-files.ts'

const root = path.resolve(import.meta.dirname, '../..')
const names = listProjectFiles(root)
const sourcesIn = (...folders: readonly string[]) =>
  readTextFiles(root, names.filter(name => name.endsWith('.ts') && folders.some(folder => name.startsWith(`${folder}/`))))
    .map(file => readSourceFile(file.path, file.text))
const sources = sourcesIn('src')

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Record<string, Record<string, string> | undefined>
const dependenciesOf = (field: string): string[] => Object.keys(manifest[field] ?? {})
const packages = { dependencies: new Set(dependenciesOf('dependencies')) }

t.test('the project was found', async t => {
  t.ok(sources.some(file => file.path === 'src/core/clock.ts'), 'sources are read')
  t.ok(sources.some(file => file.references.length > 0), 'imports are read')
})

t.test('a folder imports only folders before it', async t => {
  t.same(checkFolderOrder(sources), [])
})

t.test('packages come from dependencies, and only src/kube knows the Kubernetes client', async t => {
  t.same(checkPackages(sources, packages), [])
})

t.test('no package is installed for nothing', async t => {
  t.same(checkUnused(sources, packages), [])
})

t.test('no file imports itself by way of others', async t => {
  t.same(checkCycles(sources), [])
})

t.test('files are named for what they export', async t => {
  t.same(checkNames(sources), [])
})

t.test('no name is exported by two files', async t => {
  t.same(checkExportedNames(sources), [])
})

t.test('no two files have the same words in their names', async t => {
  t.same(checkFileWords(sources), [])
})

t.test('the lists of exceptions name files that exist', async t => {
  const paths = new Set(sources.map(file => file.path))
  t.same([...NAMED_FOR_THE_WHOLE.keys(), ...ENTRY_SCRIPTS].filter(name => !paths.has(name)), [])
})

t.test('no source file has more than 400 lines', async t => {
  t.same(checkLength(sources), [])
})

t.test('no line is wider than 140 columns', async t => {
  t.same(checkWidth([...sources, ...sourcesIn('bench', 'scripts', 'deploy')]), [])
})

t.test('modules hold no state', async t => {
  t.same(checkModuleState(sources), [])
})

t.test('no file names a registry host or a path of one machine', async t => {
  t.same(checkForeignNames(readTextFiles(root, names)), [])
  t.same(checkLockfile(readFileSync(path.join(root, 'package-lock.json'), 'utf8')), [])
})

t.test('every dependency has its reason written down', async t => {
  const records = readTextFiles(root, names.filter(name => name.startsWith('docs/adr/'))).map(file => file.text).join('\n')
  const direct = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap(dependenciesOf)
  t.ok(direct.length > 0)
  t.same(checkReasons(direct, records), [])
})
