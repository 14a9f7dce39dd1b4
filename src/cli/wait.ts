/**
 * `weir wait`: for init containers and scripts that may go on only when something else is there.
 */
import { pause } from '../core/abortable.ts'
import type { Clock } from '../core/clock.ts'
import { printable } from '../core/logger.ts'
import { conditionText, type WaitCondition, type WaitRequest } from './wait-arguments.ts'
import type { Look } from './wait-look.ts'

/** One look may take so long. */
const LOOK_MS = 3_000
/** From the beginning of one look to that of the next. */
const EVERY_MS = 250
/** Between two lines that say what is waited for. */
const LINE_MS = 1_000

export interface WaitDeps {
  readonly clock: Clock
  readonly look: Look
  readonly out: (text: string) => void
  readonly complain: (text: string) => void
}

/**
 * Waits for each condition in turn.
 * @returns the exit code: 0 all of them held, each when it was looked at last; 1 the time was over before
 */
export async function waitFor ({ conditions, timeoutMs, quiet }: WaitRequest, deps: WaitDeps): Promise<number> {
  const { clock } = deps
  const startMs = clock.nowMs()
  const say = quiet ? () => {} : deps.out
  for (const condition of conditions) {
    const inTheWay = await waitForOne(condition, startMs + timeoutMs, { ...deps, out: say })
    const tookMs = clock.nowMs() - startMs
    if (inTheWay !== undefined) {
      deps.complain(printable(`weir wait: gave up after ${seconds(tookMs)}: ${conditionText(condition)}: ${inTheWay}`))
      return 1
    }
    say(`${conditionText(condition)}: there after ${seconds(tookMs)}`)
  }
  return 0
}

/** @returns undefined once the condition holds, or what was in the way last */
async function waitForOne (condition: WaitCondition, deadlineMs: number, { clock, look, out }: WaitDeps): Promise<string | undefined> {
  const startMs = clock.nowMs()
  let saidMs = -Infinity
  for (;;) {
    const lookMs = clock.nowMs()
    const inTheWay = await lookOnce(condition, Math.min(LOOK_MS, Math.max(EVERY_MS, deadlineMs - lookMs)), clock, look)
    const nowMs = clock.nowMs()
    if (inTheWay === undefined || nowMs >= deadlineMs) return inTheWay
    if (nowMs - saidMs >= LINE_MS) {
      saidMs = nowMs
      out(printable(`waiting for ${conditionText(condition)}: ${inTheWay} (${seconds(nowMs - startMs)})`))
    }
    await pause(clock, Math.min(Math.max(0, lookMs + EVERY_MS - nowMs), deadlineMs - nowMs))
  }
}

async function lookOnce (condition: WaitCondition, timeoutMs: number, clock: Clock, look: Look): Promise<string | undefined> {
  const controller = new AbortController()
  const timer = clock.after(timeoutMs, () => { controller.abort() })
  try {
    return await look(condition, controller.signal)
  } finally {
    timer.cancel()
  }
}

function seconds (ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
