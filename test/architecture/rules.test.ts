import t from 'tap'
import { readSourceFile } from './source-file.ts'
import {
  checkCycles, checkExportedNames, checkFileWords, checkFolderOrder, checkLength, checkModuleState, checkNames, checkPackages, checkSources,
  checkUnused, checkWidth
} from './source-rules.ts'
import { checkForeignNames, checkLockfile, checkReasons, listProjectFiles } from './tracked-files.ts'

const parse = (tree: Readonly<Record<string, string>>) => Object.entries(tree).map(([path, text]) => readSourceFile(path, text))
const packages = { dependencies: new Set(['pino', '@kubernetes/client-node']) }

t.test('a tree that keeps the rules passes all of them', async t => {
  const tree = parse({
    'src/main.ts': "import { readConfig } from './config/config.ts'\nreadConfig()\n",
    'src/config/config.ts': "import { type Clock } from '../core/clock.ts'\nimport { readFile } from 'node:fs/promises'\nexport function readConfig (clock?: Clock) { return [clock, readFile] }\n",
    'src/core/logger.ts': "import { pino } from 'pino'\nexport const logger = () => pino()\n",
    'src/core/clock.ts': 'export interface Clock { now (): number }\nconst UNITS = new Map([["s", 1]])\nexport const unitOf = (name: string) => UNITS.get(name)\n',
    'src/kube/kube-client.ts': "import { KubeConfig } from '@kubernetes/client-node'\nexport const kubeClient = () => new KubeConfig()\n"
  })
  t.same(checkSources(tree, packages), [])
})

t.test('every kind of mention of a later folder is found', async t => {
  const mentions = {
    value: "import { route } from '../routing/route.ts'\n",
    'type only': "import type { Route } from '../routing/route.ts'\n",
    'inline type': "import { type Route } from '../routing/route.ts'\n",
    're-export': "export { route } from '../routing/route.ts'\n",
    'type re-export': "export type { Route } from '../routing/route.ts'\n",
    'side effect': "import '../routing/route.ts'\n",
    'dynamic import': "export const later = async () => await import('../routing/route.ts')\n",
    'import type expression': "export type R = import('../routing/route.ts').Route\n",
    'over several lines': "import {\n  route\n} from '../routing/route.ts'\n"
  }
  for (const [kind, text] of Object.entries(mentions)) {
    const tree = parse({ 'src/core/clock.ts': text, 'src/routing/route.ts': 'export const route = 1\nexport type Route = number\n' })
    t.match(checkFolderOrder(tree), [/^src\/core\/clock\.ts:\d: core imports src\/routing\/route\.ts, but routing comes after core/], kind)
  }
})

t.test('an exchange that knows a version of HTTP is found, be it by a type', async t => {
  for (const path of ['src/exchange/attempt.ts', 'src/upstream/upstream-call.ts', 'src/upstream/transport.ts']) {
    const tree = parse({ [path]: "import type { Head } from '../http1/head.ts'\n", 'src/http1/head.ts': 'export type Head = string\n' })
    t.match(checkFolderOrder(tree), [/imports src\/http1\/head\.ts, which it has to know nothing of$/], path)
  }
  const codec = { 'src/upstream/calls.ts': "import type { Head } from '../http1/head.ts'\n", 'src/http1/head.ts': 'export type Head = string\n' }
  t.same(checkFolderOrder(parse(codec)), [], 'what implements a port may')
})

t.test('a mention in a comment or a string is no import', async t => {
  const tree = parse({ 'src/core/clock.ts': "// import { route } from '../routing/route.ts'\nexport const clock = \"import x from '../routing/route.ts'\"\n" })
  t.same(checkFolderOrder(tree), [])
})

t.test('imports that leave src, start the program, miss or lack their extension are found', async t => {
  const faults = (text: string) => checkFolderOrder(parse({ 'src/core/clock.ts': text, 'src/core/other.ts': '', 'src/main.ts': '' }))
  t.match(faults("import '../../test/helpers/fake-clock.ts'"), [/outside of src/])
  t.match(faults("import '../../bench/run.ts'"), [/outside of src/])
  t.match(faults("import '../main.ts'"), [/only for starting/])
  t.match(faults("import './missing.ts'"), [/does not exist/])
  t.match(faults("import './other'"), [/without the extension/])
  t.same(faults("import './other.ts'"), [])
})

t.test('a folder or a file that the layout does not know is found', async t => {
  t.match(checkFolderOrder(parse({ 'src/plugins/a.ts': '' })), [/src\/plugins\/a\.ts: src has only/])
  t.match(checkFolderOrder(parse({ 'src/server.ts': '' })), [/src\/server\.ts: src has only/])
})

t.test('packages that are not for run time are found', async t => {
  const faults = (path: string, text: string) => checkPackages(parse({ [path]: text }), packages)
  t.match(faults('src/core/a.ts', "import tap from 'tap'"), [/tap, which is not in dependencies/])
  t.match(faults('src/core/a.ts', "import type { X } from '@scope/name/deep'"), [/@scope\/name, which is not in dependencies/])
  t.match(faults('src/core/a.ts', "import fs from 'fs'"), [/write node:fs/])
  t.match(faults('src/core/a.ts', "import x from 'node:nonsense'"), [/Node does not have/])
  t.match(faults('src/discovery/a.ts', "import type { V1Pod } from '@kubernetes/client-node'"), [/only src\/kube/])
  t.same(faults('src/core/a.ts', "import pino from 'pino'\nimport { readFile } from 'node:fs/promises'"), [])
})

t.test('packages that nothing imports are found', async t => {
  const tree = parse({ 'src/core/a.ts': "import { pino } from 'pino/file'" })
  t.same(checkUnused(tree, packages), ['package.json: nothing in src imports @kubernetes/client-node'])
})

t.test('circles are found, through types and over several files, once each', async t => {
  const tree = parse({
    'src/core/a.ts': "import type { B } from './b.ts'\nexport type A = B\n",
    'src/core/b.ts': "import { type C } from './c.ts'\nexport type B = C\n",
    'src/core/c.ts': "import type { A } from './a.ts'\nexport type C = A\n",
    'src/core/d.ts': "import './d.ts'\n",
    'src/core/e.ts': "import './a.ts'\n"
  })
  t.same(checkCycles(tree), [
    'import circle: src/core/a.ts → src/core/b.ts → src/core/c.ts → src/core/a.ts',
    'import circle: src/core/d.ts → src/core/d.ts'
  ])
})

t.test('names that do not fit are found', async t => {
  const faults = (path: string, text: string) => checkNames(parse({ [path]: text }))
  t.same(faults('src/core/sticky-key.ts', 'export function stickyKeyOf () {}'), [])
  t.same(faults('src/core/hash.ts', 'export const hashString = 1'), [])
  t.same(faults('src/core/sticky-key.ts', 'export class StickyKeys {}'), [])
  t.same(faults('src/core/reserved-words.ts', 'export const WORDS = 1\nexport function isReserved () {}'), [])
  t.match(faults('src/core/sticky-key.ts', 'export class Key {}'), [/not named for any of its exports \(Key\)/])
  t.match(faults('src/core/sticky-key.ts', 'export function affinity () {}'), [/not named for any of its exports \(affinity\)/])
  t.match(faults('src/core/sticky-key.ts', 'export class Affinity {}'), [/not named for any of its exports \(Affinity\)/])
  t.same(faults('src/core/sticky-key.ts', 'export interface StickyKey {}\nexport class Affinity {}'), [], 'the port beside what implements it')
  t.match(faults('src/core/sticky-key.ts', 'class StickyKey {}'), [/not named for any of its exports \(none\)/])
  t.match(faults('src/core/StickyKey.ts', 'export class StickyKey {}'), [/kebab-case/])
  t.match(faults('src/core/clock.ts', 'export default class Clock {}\nexport const clock = 1'), [/default export/])
  t.match(faults('src/core/clock.ts', 'class Clock {}\nexport default Clock'), [/default export/, /not named for/])
  t.match(faults('src/core/utils.ts', 'export const utils = 1'), [/says nothing/])
  t.match(faults('src/helpers/clock.ts', 'export const clock = 1'), [/"helpers" says nothing/])
  t.match(faults('src/core/clock.ts', "export { clock } from './a.ts'"), [/barrel/])
  t.match(faults('src/core/clock.ts', "export * from './a.ts'"), [/barrel/, /export \*/, /not named for/])
})

t.test('a class may have the error beside it that it throws, and an error alone has its own name', async t => {
  t.same(checkNames(parse({ 'src/core/clock.ts': 'export function clock () {}\nexport class TimeError extends Error {}' })), [])
  t.same(checkNames(parse({ 'src/core/time-error.ts': 'export class TimeError extends Error {}' })), [])
  t.match(checkNames(parse({ 'src/core/clock.ts': 'export class TimeError extends Error {}' })), [/not named for/])
})

t.test('a name that two files export is found, be it of a type', async t => {
  const tree = parse({
    'src/core/a.ts': 'export interface Place { a: 1 }\nexport const one = 1\nconst hidden = 2',
    'src/net/b.ts': 'export type Place = string\nexport function hidden () {}'
  })
  t.same(checkExportedNames(tree), ['Place is exported by src/core/a.ts and src/net/b.ts'])
})

t.test('files whose names are permutations, plurals or equal are found', async t => {
  const words = (...paths: string[]): string[] => checkFileWords(parse(Object.fromEntries(paths.map(name => [name, '']))))
  t.match(words('src/core/slice-endpoint.ts', 'src/core/endpoint-slices.ts'), [/same words in their names: endpoint slice/])
  t.match(words('src/core/route.ts', 'src/admin/route.ts'), [/same words/])
  t.same(words('src/core/route.ts', 'src/core/route-book.ts'), [])
})

t.test('a file over the limit is found, by its lines of code', async t => {
  const lines = (count: number): string => 'f()\n'.repeat(count)
  const faults = (text: string) => checkLength(parse({ 'src/core/a.ts': text }))
  t.same(faults(lines(400)), [])
  t.match(faults(lines(401)), [/401 lines/])
  t.same(faults(`${'// why\n'.repeat(100)}/**\n * what\n */\n\n${lines(400)}`), [])
  t.match(faults(`${lines(398)}const a = \`\n\n\``), [/401 lines/], 'a template of three lines')
})

t.test('a line that is too wide is found, but not for a long text', async t => {
  const faults = (text: string) => checkWidth(parse({ 'src/core/a.ts': text }))
  const name = 'a'.repeat(126)
  t.same(faults(`const b = ${name} + 1`), [])
  t.same(faults(`\nconst b = ${name} + 'no'`), ['src/core/a.ts:2: is wider than 140 columns'])
  t.same(faults(`// ${name.repeat(2)}`), ['src/core/a.ts:1: is wider than 140 columns'])
  t.same(faults(`const b = '${name} in one piece'`), [])
})

t.test('state at the top of a module is found, state inside of functions is none', async t => {
  const faults = (text: string) => checkModuleState(parse({ 'src/core/a.ts': text }))
  t.match(faults('let count = 0'), [/a\.ts:1: count is declared with let/])
  t.match(faults('export let count = 0'), [/count/])
  t.match(faults('\nvar a = 1, b = 2'), [/a\.ts:2: a/, /a\.ts:2: b/])
  t.match(faults('const seen = new Map<string, number>()'), [/seen is an empty container/])
  t.match(faults('const seen = new Set'), [/seen is an empty container/])
  t.same(faults('const a = new Map([[1, 2]])\nfunction f () { let b = new Map(); b = new Map(); return b }'), [])
})

t.test('registry hosts and paths of one machine are found', async t => {
  const slash = '/'
  const faults = (text: string) => checkForeignNames([{ path: 'README.md', text }])
  for (const text of [`see ${slash}work/main`, `"${slash}root/.npmrc"`, `cd ${slash}home/ada/weir`, `file:${slash}${slash}${slash}home/ada`, `\n(${slash}Users/ada)`, `https://registry.npm${'js'}.org/pino`]) {
    t.equal(faults(text).length, 1, text)
  }
  for (const text of ['/workers', '/v1/root', '../work/x', '$HOME/work', '/work-flow', '/var/lib/weir', 'https://example.com/work/1']) {
    t.same(faults(text), [], text)
  }
})

t.test('addresses in the lockfile are found', async t => {
  t.equal(checkLockfile('{ "resolved": "https://example.com/a.tgz" }').length, 1)
  t.same(checkLockfile('{ "version": "1.0.0" }'), [])
})

t.test('a dependency without a reason is found', async t => {
  t.same(checkReasons(['pino', 'yaml'], 'We log with `pino`.'), ['package.json: yaml has no reason in docs/adr/'])
})

t.test('without git the files are found by walking, without what is installed or built', async t => {
  const root = t.testdir({ src: { 'a.ts': '' }, node_modules: { b: '' }, dist: { c: '' } })
  t.same(listProjectFiles(root).filter(name => name.endsWith('a.ts')), ['src/a.ts'])
  t.notOk(listProjectFiles(root).some(name => name.includes('node_modules')))
})
