import { chmod, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { CommandError } from '../../../../src/cli/operate/command-error.ts'
import { chooseConnection, readClientConfig, type ClientEnvironment, type ConnectionFlags } from '../../../../src/cli/operate/connection.ts'

const LAB = `current: lab
contexts:
  lab: { server: "http://lab:9901", tokenFile: lab-token }
  prod: { server: "https://weir.example/admin/", token: prod-token }
`

async function home (t: Test, text: string, mode = 0o600): Promise<string> {
  const dir = t.testdir({ '.config': { weir: { 'lab-token': 'lab-token-of-the-file\n', 'config.yaml': '' } }, 'other-token': 'other-token' })
  const file = path.join(dir, '.config/weir/config.yaml')
  await writeFile(file, text)
  await chmod(file, mode)
  return dir
}

async function connect (env: ClientEnvironment, flags: ConnectionFlags = {}) {
  const warnings: string[] = []
  const connection = await chooseConnection(flags, env, await readClientConfig(env, text => { warnings.push(text) }))
  return { ...connection, warnings: warnings.length }
}

t.test('without anything it is the Weir of this machine', async t => {
  t.same(await connect({ HOME: '/nowhere' }), { server: 'http://127.0.0.1:9901', token: undefined, warnings: 0 })
  t.same(await connect({}), { server: 'http://127.0.0.1:9901', token: undefined, warnings: 0 })
})

t.test('flags win over the environment, which wins over the context', async t => {
  const HOME = await home(t, LAB)
  const other = path.join(HOME, 'other-token')
  t.match(await connect({ HOME }), { server: 'http://lab:9901', token: 'lab-token-of-the-file' })
  t.match(await connect({ HOME, WEIR_CONTEXT: 'prod' }), { server: 'https://weir.example/admin', token: 'prod-token' })
  t.match(await connect({ HOME, WEIR_CONTEXT: 'prod' }, { context: 'lab' }), { server: 'http://lab:9901' })
  t.match(await connect({ HOME, WEIR_TOKEN_FILE: other }), { server: 'http://lab:9901', token: 'other-token' })
  t.match(await connect({ HOME, WEIR_TOKEN: 'from-environment' }, { tokenFile: other }), { token: 'other-token' })
  t.match(await connect({ HOME, WEIR_TOKEN_FILE: '~/other-token' }), { token: 'other-token' })
})

t.test('the token of a context is not sent to another server', async t => {
  const HOME = await home(t, LAB)
  t.match(await connect({ HOME }, { server: 'http://elsewhere:9901' }), { server: 'http://elsewhere:9901', token: undefined })
  t.match(await connect({ HOME, WEIR_SERVER: 'http://elsewhere:9901' }), { token: undefined })
})

t.test('a file with a token that others can read is used with a warning', async t => {
  t.match(await connect({ HOME: await home(t, LAB, 0o644) }), { server: 'http://lab:9901', warnings: 1 })
  t.match(await connect({ HOME: await home(t, 'contexts: { lab: { tokenFile: lab-token } }', 0o644) }, { context: 'lab' }), { warnings: 0 })
})

t.test('what is wrong is said with its place', async t => {
  const cases: ReadonlyArray<readonly [string, ConnectionFlags, RegExp]> = [
    ['contexts: [', {}, /config\.yaml: .*line/],
    ['[]', {}, /the file: has to be a mapping/],
    ['contextes: {}', {}, /contextes: is not known; did you mean contexts\?/],
    ['contexts: { lab: { sever: "http://x" } }', {}, /contexts\.lab\.sever: is not known; did you mean server\?/],
    ['contexts: { lab: { server: 5 } }', {}, /contexts\.lab\.server: has to be a text/],
    ['current: lab\ncontexts: { lap: { server: "http://x" } }', {}, /current: there is no context "lab"; did you mean lap\?/],
    ['current: 5', {}, /current: has to be the name/],
    [LAB, { context: 'pord' }, /there is no context "pord"; did you mean prod\?/],
    [LAB, { tokenFile: '/nowhere/token' }, /the file of the token, \/nowhere\/token, does not exist/],
    ['contexts: { lab: { server: "ftp://x" } }', { context: 'lab' }, /has to be a URL/],
    ['contexts: { lab: { server: "http://user:pw@x" } }', { context: 'lab' }, /without a user/]
  ]
  for (const [text, flags, message] of cases) {
    const HOME = await home(t, text)
    await t.rejects(connect({ HOME }, flags), { name: 'CommandError', exitCode: 2, message }, text)
  }
  await t.rejects(connect({ WEIR_CLIENT_CONFIG: '/nowhere/config.yaml' }), CommandError, 'a file that is named has to be there')
  t.match(await connect({ HOME: await home(t, '') }), { server: 'http://127.0.0.1:9901' }, 'an empty file says nothing')
})
