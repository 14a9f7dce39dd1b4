/**
 * The entry of the `weir` command: arguments → run, validate, wait, state, what speaks to a running Weir, help or version.
 */
import { printable } from './core/logger.ts'
import { OutputEnd } from './cli/output-end.ts'
import { parseArguments } from './cli/arguments.ts'
import { assertNever } from './core/assert-never.ts'
import { foregroundClock, systemClock } from './core/clock.ts'
import { LogSignals, StopSignals } from './runtime/signals.ts'
import { startUnoptimized } from './runtime/unoptimized-start.ts'

/** @returns the exit code: 0 all is well, 1 failure, 2 wrong arguments */
async function main (args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args)
  switch (parsed.command) {
    case 'run': {
      // Loading and reading take a while, in which PID 1 would not hear a signal, and any other process would die of it.
      const signals = new StopSignals(process, systemClock)
      const logSignals = new LogSignals(process)
      const optimize = await startUnoptimized(process)
      const { run } = await import('./runtime/run.ts')
      const sources = { file: parsed.configFile, text: parsed.text, env: process.env, args: parsed.flags }
      return await run(sources, { signals, logSignals, onStarted: optimize })
    }
    case 'validate': {
      const { validate } = await import('./runtime/validate.ts')
      return await validate({ file: parsed.configFile, env: process.env, args: parsed.flags }, { offline: parsed.offline === true })
    }
    case 'wait': {
      const [{ waitFor }, { look }] = await Promise.all([import('./cli/wait.ts'), import('./cli/wait-look.ts')])
      const line = (stream: NodeJS.WriteStream) => (text: string): void => { stream.write(`${text}\n`) }
      return await waitFor(parsed.request, { clock: foregroundClock, look, out: line(process.stdout), complain: line(process.stderr) })
    }
    case 'state': {
      const { stateCommand } = await import('./runtime/state-command.ts')
      return await stateCommand(parsed.action, { file: parsed.configFile, env: process.env, args: parsed.flags }, {
        input: process.stdin, out: text => { process.stdout.write(text) }, complain: text => { process.stderr.write(text) }
      })
    }
    case 'operate': {
      const { operateHere } = await import('./cli/operate/here.ts')
      return await operateHere(parsed.words)
    }
    case 'help': {
      const { helpText } = await import('./cli/help-text.ts')
      const { listConfigOptions } = await import('./config/options.ts')
      process.stdout.write(helpText(parsed.topic, listConfigOptions()))
      return 0
    }
    case 'version': {
      const { packageVersion } = await import('./runtime/package-version.ts')
      process.stdout.write(`weir ${packageVersion()}\n`)
      return 0
    }
    case 'wrong':
      process.stderr.write(`${printable(parsed.message)}\n`)
      return 2
    default: return assertNever(parsed)
  }
}

const words = process.argv.slice(2)
// Weir itself writes its access log there, which has its own answer to a full disk.
if (words[0] === 'run') {
  process.exitCode = await main(words)
} else {
  const output = new OutputEnd(process)
  output.exit(await main(words))
}
