/** The `weir` command in this process, on a Weir that runs: what is asked and printed is the same, and starting it each time costs more than all else. */
import { Readable } from 'node:stream'
import { AdminClient } from '../../src/cli/operate/admin-client.ts'
import { operate } from '../../src/cli/operate/operate.ts'
import { foregroundClock } from '../../src/core/clock.ts'
import type { Outcome, WeirProcess } from './weir-process.ts'

/** Runs `weir` with arguments. */
type WeirCommand = (...args: readonly string[]) => Promise<Outcome>

/** @param input standard input */
export function commandOf (weir: WeirProcess, input = ''): WeirCommand {
  return async (...args) => {
    let [stdout, stderr] = ['', '']
    const code = await operate(args, {
      env: { WEIR_SERVER: weir.url, HOME: weir.directory },
      clock: foregroundClock,
      signal: new AbortController().signal,
      terminal: { out: text => { stdout += text }, complain: text => { stderr += text }, isTerminal: false, colours: false },
      connect: connection => new AdminClient(connection),
      input: () => Readable.from([Buffer.from(input)])
    })
    return { code, stdout, stderr }
  }
}

/** The same for commands that have to end well. @returns what they print */
export function goodCommandOf (weir: WeirProcess): (...args: readonly string[]) => Promise<string> {
  const run = commandOf(weir)
  return async (...args) => {
    const { code, stdout, stderr } = await run(...args)
    if (code !== 0) throw new Error(`weir ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`)
    return stdout
  }
}
