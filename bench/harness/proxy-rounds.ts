import { measure, type NamedPeer, type ProxyCase, type ProxyRun, type RunOptions } from './proxy-run.ts'
import type { Session } from './session.ts'

export interface RoundsOptions extends Omit<RunOptions, 'round'> {
  readonly rounds: number
  /** Load of each proxy before the first round. */
  readonly warmupSeconds: number
}

/** Measures a case: after a warm-up, rounds in which the proxies take turns. */
export async function measureInTurns (
  session: Session, running: readonly NamedPeer[], kase: ProxyCase, { rounds, warmupSeconds, ...options }: RoundsOptions
): Promise<readonly ProxyRun[]> {
  for (const peer of running) {
    await measure(session, peer, { ...kase, idleConnections: 0 }, { ...options, round: 0, seconds: warmupSeconds })
  }
  const runs: ProxyRun[] = []
  for (let round = 1; round <= rounds; round++) {
    for (const peer of running) {
      const run = await measure(session, peer, kase, { ...options, round })
      runs.push(run)
      const figures = `${run.cpuMicrosPerRequest.toFixed(1)} µs, ${Math.round(run.requestsPerSecond)}/s, ${run.errors} errors`
      process.stderr.write(`${kase.name}, round ${round}, ${peer.name}: ${figures}\n`)
    }
  }
  return runs
}

/** For the notes of a results file. */
export function pinningNote ({ cpus }: Session): string {
  return cpus.proxy === undefined || cpus.load === undefined
    ? 'Nothing is pinned: this machine has one core.'
    : `Each proxy alone on core ${cpus.proxy}; the load and the origin on core ${cpus.load}.`
}
