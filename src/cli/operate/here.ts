/** The commands that speak to a running Weir, on this process's streams. */
import { foregroundClock } from '../../core/clock.ts'
import { AdminClient } from './admin-client.ts'
import { operate } from './operate.ts'
import { hasColours } from './terminal.ts'

/** @param words all after `weir` @returns the exit code */
export async function operateHere (words: readonly string[]): Promise<number> {
  const { stdout, stderr, env } = process
  const interrupted = new AbortController()
  process.once('SIGINT', () => { interrupted.abort() })
  // Nobody reads any more, or nothing more can be written.
  stdout.on('error', () => { interrupted.abort() })
  return await operate(words, {
    env,
    terminal: {
      out: text => { stdout.write(text) },
      complain: text => { stderr.write(text) },
      isTerminal: stdout.isTTY,
      colours: hasColours(stdout.isTTY, env)
    },
    clock: foregroundClock,
    signal: interrupted.signal,
    connect: connection => new AdminClient(connection),
    // To look at it costs time, so it is looked at when it is read.
    input: () => {
      // Who is still to type something does not keep Ctrl-C waiting.
      interrupted.signal.addEventListener('abort', () => { process.stdin.destroy() })
      return process.stdin
    }
  })
}
