import path from 'node:path'
import { ESLint } from 'eslint'
import t from 'tap'

const root = path.resolve(import.meta.dirname, '../..')

// The rules that need types would need every crafted file on disk, so this looks only at the rules that need none.
const eslint = new ESLint({
  cwd: root,
  overrideConfig: [{
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: false } },
    rules: Object.fromEntries([
      'await-thenable', 'no-floating-promises', 'no-misused-promises', 'only-throw-error', 'prefer-promise-reject-errors',
      'return-await', 'switch-exhaustiveness-check', 'use-unknown-in-catch-callback-variable'
    ].map(name => [`@typescript-eslint/${name}`, 'off']))
  }]
})

async function rulesBroken (filePath: string, text: string): Promise<string[]> {
  const results = await eslint.lintText(text, { filePath: path.join(root, filePath) })
  return results.flatMap(result => result.messages).map(message => message.ruleId ?? message.message)
}

t.test('time and chance are found everywhere in src but in core', async t => {
  const uses = {
    'no-restricted-globals': 'export const later = () => { setTimeout(() => {}, 1) }\n',
    'no-restricted-properties': 'export const roll = () => Math.random() + Date.now()\n',
    'no-restricted-syntax': 'export const now = () => new Date()\n',
    'no-restricted-imports': "import { setTimeout as wait } from 'node:timers/promises'\nexport const pause = () => wait(1)\n"
  }
  for (const [rule, text] of Object.entries(uses)) {
    t.ok((await rulesBroken('src/exchange/crafted.ts', text)).includes(rule), `${rule} in src/exchange`)
    t.same(await rulesBroken('src/core/crafted.ts', text), [], `${rule} in src/core`)
    t.same(await rulesBroken('scripts/crafted.ts', text), [], `${rule} in scripts`)
  }
  t.same(
    await rulesBroken('src/exchange/crafted.ts', 'export const at = (ms: number) => new Date(ms).toISOString()\n'),
    [],
    'a date of a given time is allowed'
  )
})

t.test('node:http is for the admin API and src/kube, the Kubernetes client for src/kube', async t => {
  const http = "import http from 'node:http'\nexport const server = () => http.createServer()\n"
  const kube = "import { KubeConfig } from '@kubernetes/client-node'\nexport const config = () => new KubeConfig()\n"
  t.same(await rulesBroken('src/exchange/crafted.ts', http), ['no-restricted-imports'])
  t.same(await rulesBroken('src/upstream/crafted.ts', http), ['no-restricted-imports'])
  t.same(await rulesBroken('src/kube/crafted.ts', http), [])
  t.same(await rulesBroken('src/admin/crafted.ts', http), [])
  t.same(await rulesBroken('test/unit/crafted.ts', http), [])
  t.same(await rulesBroken('src/discovery/crafted.ts', kube), ['no-restricted-imports'])
  t.same(await rulesBroken('src/admin/crafted.ts', kube), ['no-restricted-imports'])
  t.same(await rulesBroken('src/kube/crafted.ts', kube), [])
})

t.test('what Node cannot erase and what weakens the types is found', async t => {
  const crafted = {
    'private members': 'export class A { private readonly b = 1; c () { return this.b } }\n',
    'parameter properties': 'export class A { constructor (readonly b: number) {} }\n',
    enums: 'export enum A { b }\n',
    namespaces: 'export namespace A { export const b = 1 }\n',
    any: 'export const a = (b: any) => { b() }\n',
    'non-null assertions': 'export const a = (b: string | undefined) => b!.length\n'
  }
  for (const [what, text] of Object.entries(crafted)) {
    t.not((await rulesBroken('src/core/crafted.ts', text)).length, 0, what)
  }
  t.same(await rulesBroken('src/core/crafted.ts', 'export class A { readonly #b = 1; c () { return this.#b } }\n'), [])
})

t.test('a test that lets a child inherit its environment is found', async t => {
  const start = (options: string) => `import { spawn } from 'node:child_process'\nexport const child = () => spawn('sh', [], { stdio: 'pipe'${options} })\n`
  t.same(await rulesBroken('test/unit/crafted.ts', start(', env: {}')), [])
  for (const options of ['', ', env: process.env', ', env: { ...process.env, NO_COLOR: "1" }']) {
    t.same(await rulesBroken('test/unit/crafted.ts', start(options).replaceAll('"', "'")), ['no-restricted-syntax'], options)
  }
})

t.test('files, functions, parameter lists and branching have their limits', async t => {
  const long = (lines: number) => `export function f () {\n${'  f()\n'.repeat(lines)}}\n`
  const branches = (count: number) => `export function f (a: number) {\n${'  if (a === 1) f(1)\n'.repeat(count)}}\n`
  t.same(await rulesBroken('src/admin/crafted.ts', long(78)), [])
  t.same(await rulesBroken('src/admin/crafted.ts', long(79)), ['max-lines-per-function'])
  t.same(await rulesBroken('src/admin/crafted.ts', 'f()\n'.repeat(401)), ['max-lines'])
  t.same(await rulesBroken('src/admin/crafted.ts', 'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1) => [a, b, c, d, e]\n'), ['max-params'])
  t.same(await rulesBroken('src/admin/crafted.ts', branches(15)), ['complexity'])
  t.same(await rulesBroken('src/http1/crafted.ts', branches(15)), [], 'parsers may branch more')
  t.same(await rulesBroken('src/http1/crafted.ts', branches(30)), ['complexity'], 'but not without end')
})

t.test('a line that is too wide is found in src and in what stands around it', async t => {
  const wide = `export const ${'a'.repeat(130)} = 1\n`
  for (const folder of ['src/core', 'bench', 'scripts', 'deploy']) {
    t.same(await rulesBroken(`${folder}/crafted.ts`, wide), ['@stylistic/max-len'], folder)
  }
})
