import { chmod } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { type TokenRequest, versionToken } from '../../../../src/cli/operate/token-command.ts'
import { readOrder } from '../../../../src/cli/operate/program.ts'
import { OverrideTokens } from '../../../../src/placement/override-token.ts'
import { signingKey } from '../../../../src/placement/signing-key.ts'
import { FakeClock } from '../../../helpers/fake-clock.ts'

const SECRETS = ['the first key, of thirty-two characters'.replaceAll(' ', '-'), 'the-second-key-of-thirty-two-characters']
const keysOf = (lines: readonly string[]) => lines.map(line => signingKey(Buffer.from(line)))

t.test('a token counts on its route for as long as it says, by the first key of its file', async t => {
  const clock = new FakeClock()
  const dir = t.testdir({ key: `${SECRETS.join('\n')}\n`, short: 'too short\n' })
  const warned: string[] = []
  const sign = async (asked: TokenRequest): Promise<string> => await versionToken(asked, clock, text => { warned.push(text) })
  const request = { route: 'shop', version: 'canary', keyFile: path.join(dir, 'key'), expiresMs: 3_600_000 }
  const token = await sign(request)
  const read = (lines: readonly string[], laterMs: number) =>
    new OverrideTokens({ route: 'shop', keys: keysOf(lines), trustedNetworks: [] }, () => clock.wallMs() + laterMs).read(token)
  t.match(read(SECRETS.slice(0, 1), 3_600_000), { version: 'canary', fault: '' })
  t.match(read(SECRETS.slice(0, 1), 3_661_000), { fault: /expired/ })
  t.match(read(SECRETS.slice(1), 0), { fault: /in no key file/ })
  await t.rejects(sign({ ...request, keyFile: path.join(dir, 'short') }), /short: line 1 has a space/)
  await t.rejects(sign({ ...request, keyFile: path.join(dir, 'none') }), /none: /)
  await t.rejects(sign({ ...request, version: 'v~1' }), { message: '"v~1" is no name of a version', exitCode: 2 })
  for (const expiresMs of [0, 999, 721 * 3_600_000]) await t.rejects(sign({ ...request, expiresMs }), { message: /from 1s to 720h/, exitCode: 2 })
  await chmod(request.keyFile, 0o600)
  warned.length = 0
  await sign(request)
  t.same(warned, [])
  await chmod(request.keyFile, 0o640)
  await sign(request)
  t.match(warned, [/key: others can read it, and whoever does may sign; chmod 600 it$/])
})

t.test('weir token version asks for a key file and takes no server', async t => {
  const said: string[] = []
  const output = { out: () => {}, complain: (text: string) => { said.push(text) } }
  t.match(readOrder(['token', 'version', 'shop', 'canary', '--key-file', 'k'], output), { command: 'token', route: 'shop', version: 'canary', flags: { keyFile: 'k', expires: 3_600_000 } })
  t.equal(readOrder(['token', 'version', 'shop', 'canary'], output), 2)
  t.equal(readOrder(['token', 'version', 'shop', 'canary', '--key-file', 'k', '--server', 'x'], output), 2)
  t.match(said.join(''), /--key-file <file>.*not specified[^]*unknown option '--server'/)
  t.match(readOrder(['explain', 'shop', '--ip', '::1', '--cookie', 'a=1', '--cookie', 'b=2'], output), { flags: { cookie: ['a=1', 'b=2'] } })
})
