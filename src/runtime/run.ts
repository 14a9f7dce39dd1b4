/**
 * `weir run`: from the arguments to the exit code.
 */
import { errorText } from '../core/error-text.ts'
import { printable } from '../core/logger.ts'
import { ConfigError } from '../config/config-error.ts'
import { loadConfig } from '../config/load.ts'
import type { ConfigSources } from '../config/load.ts'
import { systemClock } from '../core/clock.ts'
import { ProcessLogger } from '../telemetry/process-logger.ts'
import { ControlPlane } from './control-plane.ts'
import type { LogSignals, StopSignals } from './signals.ts'
import { watchNpm } from './npm-watch.ts'
import { releaseMemory } from '../core/release-memory.ts'

/** When nothing of the start is going on any more, after it. */
const SETTLED_MS = 3_000
/** A start that takes longer than this has more to do than to load its modules. */
const SLOW_START_MS = 2_000

/** What is there before this module is loaded. */
interface RunningProcess {
  /** Heard from the beginning, so that none is lost. */
  readonly signals: StopSignals
  readonly logSignals: LogSignals
  /** Told when the workers have started or could not; before that when it takes long, so it may be told twice. */
  readonly onStarted: () => void
}

/**
 * Runs until a signal says stop.
 * @returns the exit code
 */
export async function run (sources: ConfigSources, { signals, logSignals, onStarted }: RunningProcess): Promise<number> {
  let loaded
  try {
    loaded = await loadConfig(sources)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${printable(error.message)}\n`)
    return error.blamesArguments ? 2 : 1
  }
  const log = new ProcessLogger(loaded.config.log.level)
  if (signals.wasAsked) {
    log.info('weir has stopped before it was started')
    return 0
  }
  const plane = new ControlPlane(loaded, { clock: systemClock, log, sources })
  logSignals.handle(() => { plane.reopenLogs() }, signal => { log.info('the signal is ignored: the configuration is read again when its file changes, SIGTERM stops', { signal }) })
  const endWatch = watchNpm({
    env: process.env,
    clock: systemClock,
    onGone () {
      log.info('npm, which has started weir, has ended')
      signals.abandoned()
    }
  })
  const slow = systemClock.after(SLOW_START_MS, onStarted)
  try {
    await plane.start(signals.asked)
  } catch (error) {
    log.error('weir could not start', { error: errorText(error) })
    await plane.abandon()
    return 1
  } finally {
    slow.cancel()
    onStarted()
  }
  if (sources.text?.introduce !== undefined && !signals.wasAsked) process.stdout.write(sources.text.introduce(loaded.config))
  systemClock.after(SETTLED_MS, () => { void releaseMemory() })
  // Timers are not meant to keep the process alive, so this does.
  const alive = new MessageChannel().port1
  alive.ref()
  await signals.asked
  endWatch()
  await plane.stop(signals)
  alive.close()
  return 0
}
