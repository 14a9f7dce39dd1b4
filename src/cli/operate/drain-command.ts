/** `weir drain`: may a version be scaled down? */
import { pause } from '../../core/abortable.ts'
import type { Clock } from '../../core/clock.ts'
import { answerAt, flagAt, numberAt, textAt, textsAt, type AdminAnswer } from './admin-api.ts'
import { EXIT } from './command-error.ts'
import { routePath, type CommandSession } from './command-session.ts'
import { cleanLine } from './terminal.ts'

/** The longest that one question may wait; the admin API allows 50 s. */
const LONGEST_WAIT_MS = 30_000
const SHORTEST_WAIT_MS = 200

/** Which version, and how long to wait until it is safe; 0 looks once. */
export interface DrainRequest {
  readonly route: string
  readonly version: string
  readonly waitMs: number
}

/** @returns the exit code: `notYet` while it is not safe */
export async function drain (session: CommandSession, clock: Clock, { route, version, waitMs }: DrainRequest): Promise<number> {
  const path = routePath(route, `/versions/${encodeURIComponent(version)}/drain`)
  const deadlineMs = clock.nowMs() + waitMs
  let said = ''
  for (;;) {
    const leftMs = Math.max(0, Math.min(LONGEST_WAIT_MS, Math.floor(deadlineMs - clock.nowMs())))
    const answer = await session.askFor(['safe'], { path: leftMs === 0 ? path : `${path}?wait=true&timeout=${leftMs}ms` }, leftMs)
    const safe = flagAt(answer, 'safe')
    if (safe === true || leftMs === 0 || clock.nowMs() >= deadlineMs) {
      await session.print(answer, () => drainText(answer))
      return safe === true ? EXIT.ok : EXIT.notYet
    }
    const waiting = `waiting: ${textsAt(answer, 'why').join(', ')}`
    if (waiting !== said) session.terminal.complain(cleanLine(waiting))
    said = waiting
    // Weir waits itself; this is for one that does not.
    await pause(clock, SHORTEST_WAIT_MS, session.signal)
  }
}

/** `canary of hello is safe to scale down`, or what speaks against it. */
function drainText (answer: AdminAnswer): string {
  const name = `${textAt(answer, 'version') ?? '?'} of ${textAt(answer, 'route') ?? '?'}`
  const workers = answerAt(answer, 'workers')
  const known = workers === undefined ? '' : ` (${numberAt(workers, 'applied') ?? '?'} of ${numberAt(workers, 'running') ?? '?'} workers apply the weights of now)`
  if (flagAt(answer, 'safe') === true) return cleanLine(`${name} is safe to scale down${known}`)
  return cleanLine(`${name} is not safe to scale down${known}:`) + textsAt(answer, 'why').map(line => `  ${cleanLine(line)}`).join('')
}
