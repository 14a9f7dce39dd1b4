/** `weir rollout report`: both versions of a rollout side by side. */
import { textAt } from './admin-api.ts'
import { routePath, type CommandSession } from './command-session.ts'
import { cleanLine } from './terminal.ts'

export async function showRolloutReport (session: CommandSession, route: string): Promise<void> {
  const answer = await session.askFor(['text', 'from', 'to'], { path: routePath(route, '/rollout/report') })
  await session.print(answer, () => (textAt(answer, 'text') ?? '').trimEnd().split('\n').map(cleanLine).join(''))
}
