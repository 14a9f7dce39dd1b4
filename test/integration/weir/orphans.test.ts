/**
 * A test that is killed leaves no Weir behind.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t from 'tap'
import { identifyProcess } from '../../../src/store/file-lock.ts'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { endWithParent } from '../../helpers/end-with-parent.ts'
import { eventually } from '../../helpers/weir-process.ts'

/** A test that starts a Weir, says so, and never ends. */
const TEST = `
  import t from 'tap'
  import { startWeir } from ${JSON.stringify(new URL('../../helpers/weir-process.ts', import.meta.url).href)}
  t.test('it', async t => {
    const weir = await startWeir(t, { config: () => ({ workers: 1, routes: [] }) })
    process.stderr.write(weir.pid + '\\n')
    await new Promise(resolve => setTimeout(resolve, 3_600_000))
  })`

t.test('Weir ends when the test that has started it is killed', async t => {
  const test = spawn(NODE, [...NODE_FIRST, ...endWithParent(), '--input-type=module', '--eval', TEST], {
    env: childEnvironment(), stdio: ['ignore', 'ignore', 'pipe']
  })
  const gone = once(test, 'exit')
  t.teardown(async () => {
    test.kill('SIGKILL')
    await gone
  })
  const [line]: unknown[] = await once(createInterface({ input: test.stderr }), 'line')
  const pid = Number(line)
  t.ok((await identifyProcess(pid)).alive, `process ${pid} runs`)
  test.kill('SIGKILL')
  await gone
  try {
    await eventually(async () => (await identifyProcess(pid)).alive ? undefined : true)
  } catch (error) {
    process.kill(pid, 'SIGKILL')
    throw error
  }
})
