/**
 * What `weir validate` finds in the files that a configuration names, beyond certificates and authorities, which have
 * tests of their own.
 */
import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { formatFault } from '../../../src/config/config-error.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { checkStart } from '../../../src/runtime/check-start.ts'

async function check (t: Test, options: Readonly<Record<string, unknown>>, files: Readonly<Record<string, string | Readonly<Record<string, never>>>> = {}) {
  const directory = t.testdir({ ...files })
  const inDirectory = (text: string): string => text.replaceAll('DIR', directory)
  const file = path.join(t.testdirName, 'weir.yaml')
  await writeFile(file, inDirectory(JSON.stringify({ listeners: [{ name: 'web', port: 8080 }], routes: [], ...options })))
  const { config } = await loadConfig({ file, env: {}, args: [] })
  const { faults, warnings } = await checkStart(config, 'weir.yaml')
  const withoutDirectory = (fault: Parameters<typeof formatFault>[0]): string => formatFault(fault).replaceAll(directory, 'DIR')
  return { faults: faults.map(withoutDirectory), warnings: warnings.map(withoutDirectory), directory }
}

t.test('tokens have to be there, and right', async t => {
  const tokens = ['good', 'short', 'missing'].map(name => ({ name, role: 'viewer', file: `DIR/${name}` }))
  const { faults } = await check(t, { admin: { tokens } }, { good: 'a-token-that-is-long-enough\n', short: 'short' })
  t.equal(faults.length, 2)
  t.match(faults[0], /^weir\.yaml: admin\.tokens\[1\]\.file: names a file that holds no token that can be used: the token is shorter than 16 characters; given: "DIR\/short"$/)
  t.match(faults[1], /admin\.tokens\[2\]\.file: .*ENOENT.*given: "DIR\/missing"$/)
})

t.test('the secret of the replicas has to be there, and right', async t => {
  const options = { admin: { address: '0.0.0.0', tokens: [{ name: 'a', role: 'viewer', file: 'DIR/token' }] }, state: { store: 'kubernetes' } }
  const files = { token: 'a-token-that-is-long-enough', good: `${'a'.repeat(32)}\n${'b'.repeat(40)}\n`, short: 'a'.repeat(31) }
  const of = async (name: string) => (await check(t, { ...options, replicas: { service: 'weir', secretFile: `DIR/${name}` } }, files)).faults
  t.same(await of('good'), [])
  t.match(await of('short'), [/^weir\.yaml: replicas\.secretFile: names a file that holds no secret that can be used: line 1 is shorter than 32 characters; .*given: "DIR\/short"$/])
  t.match(await of('missing'), [/replicas\.secretFile: .*ENOENT.*given: "DIR\/missing"$/])
})

t.test('a state file that is not there yet needs a directory in which it can be made, and none is made', async t => {
  const { faults, warnings, directory } = await check(t, { state: { store: 'file', path: 'DIR/new/deep/state.json' } })
  t.same([faults, warnings], [[], []])
  t.same(await readdir(directory), ['weir.yaml'])
})

t.test('a state file that can\'t be written', async t => {
  const nowhere = await check(t, { state: { store: 'file', path: 'DIR/file/state.json' } }, { file: '' })
  t.match(nowhere.faults, [/state\.path: names a file that can't be there: DIR\/file is not a directory/])
  const system = await check(t, { state: { store: 'file', path: '/proc/weir/state.json' } })
  t.match(system.faults, [/state\.path: names a file that can't be written: the directory \/proc /])
  const directory = await check(t, { state: { store: 'file', path: 'DIR/state.json' } }, { 'state.json': {} })
  t.match(directory.faults, [/state\.path: names a file that is not a regular file/])
})

t.test('a state file that can\'t be understood is a warning: a start moves it aside', async t => {
  const { faults, warnings } = await check(t, { state: { store: 'file', path: 'DIR/state.json' } }, { 'state.json': '{"format":"weir-state"' })
  t.same(faults, [])
  t.match(warnings, [/state\.path: names a file that can't be understood: it is not valid JSON.*a start moves it aside/])
})

t.test('nothing is written for a state in memory, and for a log that is off', async t => {
  const { faults } = await check(t, { state: { path: '/proc/weir/state.json' }, accessLog: { path: '/proc/weir/access.log' } })
  t.same(faults, [])
})

t.test('the access log', async t => {
  const files = { there: '', folder: {} }
  const paths = ['there', 'new', 'folder', 'nowhere/log']
  const found: Array<readonly string[]> = []
  for (const name of paths) found.push((await check(t, { accessLog: { mode: 'on', path: `DIR/${name}` } }, files)).faults)
  t.same(found.map(({ length }) => length), [0, 0, 1, 1])
  t.match(found[2], [/accessLog\.path: names a file that is a directory; name the file in it/])
  t.match(found[3], [/accessLog\.path: names a file that can't be made: the directory DIR\/nowhere does not exist/])
})

t.test('a kubeconfig is read only when a version needs it', async t => {
  const routes = [{ name: 'r', versions: [{ name: 'v', weight: 1, endpoints: { service: 'hello', port: 'http' } }] }]
  const unused = await check(t, { kubernetes: { kubeconfig: 'DIR/kube' } })
  t.same(unused.faults, [])
  const missing = await check(t, { routes, kubernetes: { kubeconfig: 'DIR/kube' } })
  t.match(missing.faults, [/kubernetes\.kubeconfig: names a file that does not exist; given: "DIR\/kube"/])
  const wrong = await check(t, { routes, kubernetes: { kubeconfig: 'DIR/kube' } }, { kube: '{}' })
  t.match(wrong.faults, [/kubernetes\.kubeconfig: names a file that can't be used: /])
})
