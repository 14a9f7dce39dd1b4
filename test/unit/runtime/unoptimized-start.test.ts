import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)

/** What V8 says of a program that gets hot before and after the start is over. @param env as the start sees it */
async function optimizedBy (options: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<readonly [before: string, after: string]> {
  const script = `
    const { startUnoptimized } = await import(${JSON.stringify(new URL('../../../src/runtime/unoptimized-start.ts', import.meta.url).href)})
    const onStarted = await startUnoptimized({ execArgv: process.execArgv, env: ${JSON.stringify(env)} })
    const hot = () => {
      function add (sum, each) { return sum + each }
      let sum = 0
      for (let round = 0; round < 3_000_000; round++) sum = add(sum, round) % 1_000
      return sum
    }
    hot()
    console.log('started')
    onStarted()
    hot()
    await new Promise(resolve => setTimeout(resolve, 50))
    hot()`
  // Not by this process: tap adds modules of its own to the environment of what it sees started.
  const { stdout } = await run('/usr/bin/env', ['-i', process.execPath, '--trace-opt', ...options, '--input-type=module', '--eval', script])
  const [before = '', after = ''] = stdout.split('started\n')
  return [before, after]
}

const OPTIMIZED = /completed optimizing .*TURBOFAN/

t.test('nothing is optimized until the start is over, and then it is', async t => {
  const [before, after] = await optimizedBy([])
  t.notMatch(before, OPTIMIZED)
  t.match(before, /MAGLEV/, 'the quick compiler works')
  t.match(after, OPTIMIZED)
})

t.test('who has said what V8 optimizes is not overruled', async t => {
  const [, never] = await optimizedBy(['--no-opt'])
  t.notMatch(never, OPTIMIZED)
  const [, underlined] = await optimizedBy(['--no_opt'])
  t.notMatch(underlined, OPTIMIZED)
  const [bounded] = await optimizedBy(['--max-optimized-bytecode-size=60000'])
  t.match(bounded, OPTIMIZED)
  const [asItWas] = await optimizedBy([], { NODE_OPTIONS: '--max-http-header-size=9000 --jitless' })
  t.match(asItWas, OPTIMIZED, 'nothing is switched off, so that nothing is switched on')
})
