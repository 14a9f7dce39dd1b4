import t from 'tap'
import { execFileSync } from 'node:child_process'
import { chmod, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../../../src/config/config-error.ts'
import { loadConfig, MAX_CONFIG_BYTES } from '../../../src/config/load.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'

async function refusal (file: string | undefined, env: Readonly<Record<string, string>> = {}): Promise<string> {
  try {
    await loadConfig({ file, env, args: [] })
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'accepted'
}

t.test('the file is the one given, or else WEIR_CONFIG', async t => {
  const directory = t.testdir({ 'weir.yaml': 'listeners: [{ name: web, port: 8080 }]\nroutes: []' })
  const file = join(directory, 'weir.yaml')
  t.equal((await loadConfig({ file, env: { WEIR_CONFIG: 'elsewhere' }, args: [] })).config.listeners[0]?.port, 8080)
  t.equal((await loadConfig({ file: undefined, env: { WEIR_CONFIG: file }, args: [] })).config.listeners[0]?.port, 8080)
  t.equal(await refusal(undefined), 'command line: no configuration: name a file with --config FILE or WEIR_CONFIG')
})

t.test('what is not a readable file of a sensible size is refused', async t => {
  const directory = t.testdir({ empty: '', file: 'x' })
  const at = (name: string): string => join(directory, name)
  t.equal(await refusal(at('missing')), `${at('missing')}: does not exist; give the path of a configuration with --config FILE or WEIR_CONFIG`)
  t.equal(await refusal(directory), `${directory}: is a directory; name the file in it`)
  t.match(await refusal(at('file/in-a-file')), /has a part in its path that is not a directory/)
  t.match(await refusal(at('empty')), /is empty; a configuration has at least/)
  await symlink('loop', at('loop'))
  t.match(await refusal(at('loop')), /is a symbolic link that leads in a circle/)
  await writeFile(at('large'), '')
  await truncate(at('large'), MAX_CONFIG_BYTES + 1)
  t.match(await refusal(at('large')), /has 8388609 bytes; 8388608 are allowed/)
  t.match(await refusal('a\0b'), /cannot be read/)
})

t.test('a named pipe is refused at once', { skip: process.platform === 'win32' }, async t => {
  const pipe = join(t.testdir({}), 'pipe')
  execFileSync('mkfifo', [pipe], { env: childEnvironment() })
  t.match(await refusal(pipe), /is not a regular file/)
})

t.test('a file that may not be read is refused', { skip: process.platform === 'win32' || process.getuid?.() === 0 }, async t => {
  const file = join(t.testdir({ secret: '' }), 'secret')
  await chmod(file, 0)
  t.match(await refusal(file), /may not be read by the user that Weir runs as/)
})
