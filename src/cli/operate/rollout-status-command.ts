/** `weir rollout status`, which waits until a rollout is over, and `weir verdict`. */
import { pause } from '../../core/abortable.ts'
import type { Clock } from '../../core/clock.ts'
import { answerAt, numberAt, textAt, type AdminAnswer } from './admin-api.ts'
import { CommandError, EXIT } from './command-error.ts'
import { routePath, type CommandSession } from './command-session.ts'
import { endOf, rolloutLine, rolloutPage, verdictText } from './rollout-text.ts'
import { cleanLine } from './terminal.ts'

/** A question costs next to nothing, and the numbers change with every request: events would tell of fewer things. */
const LOOK_MS = 1_000
/** Who reads a log wants to see that something goes on. */
const STILL_MS = 30_000
/** A Weir that starts again is back long before. */
const AWAY_MS = 60_000

export interface RolloutStatusRequest {
  readonly route: string
  /** Wait until it is over. */
  readonly watch: boolean
  /** The longest to wait; undefined: as long as it takes. */
  readonly timeoutMs: number | undefined
}

/** @returns the exit code: `rolledBack` when it failed or was aborted, `notYet` when the time is over first */
export async function rolloutStatus (
  session: CommandSession, clock: Clock, { route, watch, timeoutMs }: RolloutStatusRequest
): Promise<number> {
  const deadlineMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.nowMs() + timeoutMs
  const progress = new Progress(session, clock)
  const reader = new PatientReader(session, clock)
  for (;;) {
    const rollout = await reader.read(route)
    if (rollout !== undefined) {
      const end = endOf(rollout)
      const waits = end === undefined && watch
      if (waits) progress.tell(rollout)
      if (!waits || clock.nowMs() >= deadlineMs) {
        await session.print(rollout, wide => rolloutPage(rollout, session.palette, wide))
        if (waits) return EXIT.notYet
        return end === 'bad' ? EXIT.rolledBack : EXIT.ok
      }
    }
    await pause(clock, Math.min(LOOK_MS, Math.max(1, deadlineMs - clock.nowMs())), session.signal)
    session.signal.throwIfAborted()
  }
}

/** Reads the rollout again and again. What fails the first time fails; later a Weir may be away for a while, which is said once. */
class PatientReader {
  readonly #session: CommandSession
  readonly #clock: Clock
  #hasRead = false
  #awaySinceMs: number | undefined

  constructor (session: CommandSession, clock: Clock) {
    this.#session = session
    this.#clock = clock
  }

  async read (route: string): Promise<AdminAnswer | undefined> {
    try {
      const rollout = await this.#session.askFor(['phase', 'steps'], { path: routePath(route, '/rollout') })
      this.#hasRead = true
      this.#awaySinceMs = undefined
      return rollout
    } catch (error) {
      const isAway = error instanceof CommandError && error.problem === undefined
      if (!this.#hasRead || !isAway || this.#session.signal.aborted) throw error
      if (this.#awaySinceMs === undefined) this.#session.terminal.complain(cleanLine(`${error.message}; it is asked again`))
      this.#awaySinceMs ??= this.#clock.nowMs()
      if (this.#clock.nowMs() - this.#awaySinceMs > AWAY_MS) throw error
      return undefined
    }
  }
}

/** A line for each step, and for what the verdict says of it; and one now and then. */
class Progress {
  readonly #session: CommandSession
  readonly #clock: Clock
  #said = ''
  #saidMs = 0

  constructor (session: CommandSession, clock: Clock) {
    this.#session = session
    this.#clock = clock
  }

  tell (rollout: AdminAnswer): void {
    const { dataFormat, terminal, palette } = this.#session
    if (dataFormat !== undefined) return
    const now = progressKey(rollout)
    if (now === this.#said && this.#clock.nowMs() - this.#saidMs < STILL_MS) return
    this.#said = now
    this.#saidMs = this.#clock.nowMs()
    terminal.out(rolloutLine(rollout, palette))
  }
}

/** The same for as long as nothing has happened; numbers alone are nothing. */
export function progressKey (rollout: AdminAnswer): string {
  const verdict = answerAt(rollout, 'verdict')
  const of = ['id', 'phase', 'pending'].map(key => textAt(rollout, key))
  return JSON.stringify([...of, numberAt(rollout, 'step'), textAt(verdict, 'verdict'), textAt(verdict, 'code')])
}

/** @returns the exit code: 0 for a pass, `rolledBack` for a fail, else `notYet` */
export async function showVerdict (session: CommandSession, route: string): Promise<number> {
  const answer = await session.askFor(['verdict', 'reason'], { path: routePath(route, '/verdict') })
  await session.print(answer, wide => verdictText(answer, session.palette, wide))
  switch (textAt(answer, 'verdict')) {
    case 'pass': return EXIT.ok
    case 'fail': return EXIT.rolledBack
    default: return EXIT.notYet
  }
}
