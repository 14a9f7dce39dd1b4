import { fileURLToPath } from 'node:url'
import { spawnSync } from 'node:child_process'
import { loadUntilInterrupted, LOAD_MARGIN_MS, type LoadGenerator, type LoadReport, type LoadRequest } from './load.ts'
import { REQUEST_HEADERS } from './request-headers.ts'

const SCRIPT = fileURLToPath(new URL('wrk-report.lua', import.meta.url))

/** At its pace of 5 to 15 ms between requests, what one connection makes in a second at least, while answers take 2 ms or less. */
const PACED_RATE_PER_CONNECTION = 80

/** wrk: one thread, one core. https://github.com/wg/wrk */
export const wrk: LoadGenerator = {
  name: 'wrk',

  version () {
    // wrk prints its version with its usage and then exits with 1.
    const result = spawnSync('wrk', ['-v'], { encoding: 'utf8' })
    return /^wrk\s+(?:\S+\/)?(\S+)/.exec(`${result.stdout ?? ''}${result.stderr ?? ''}`)?.[1]
  },

  async run (session, request) {
    const args = wrkArguments(request, request.connections, [])
    return readReport(await session.children.run(
      { command: 'wrk', args, cpu: session.cpus.load },
      request.seconds * 1_000 + LOAD_MARGIN_MS
    ))
  },

  startPaced (session, request, rate) {
    const connections = Math.ceil(rate / PACED_RATE_PER_CONNECTION)
    const child = session.children.start({ command: 'wrk', args: wrkArguments(request, connections, ['paced']) })
    return loadUntilInterrupted(child, session.children.output(child, 'wrk'), readReport)
  }
}

function wrkArguments (request: LoadRequest, connections: number, scriptArguments: readonly string[]): readonly string[] {
  const headers: Record<string, string> = { ...REQUEST_HEADERS }
  if (request.host !== undefined) headers['Host'] = request.host
  return [
    '-t', '1', '-c', String(connections), '-d', `${request.seconds}s`, '--timeout', '10s', '-s', SCRIPT,
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    `${request.secure === true ? 'https' : 'http'}://127.0.0.1:${request.port}${request.path}`,
    '--', ...scriptArguments
  ]
}

function readReport (text: string): LoadReport {
  const json = /^REPORT (.+)$/m.exec(text)?.[1]
  if (json === undefined) throw new Error(`wrk printed no report: ${text.slice(-500)}`)
  // Our own Lua script wrote it: numbers only.
  const report = JSON.parse(json) as Record<string, number>
  const figure = (name: string): number => report[name] ?? NaN
  const seconds = figure('durationUs') / 1e6
  return {
    requests: figure('requests'),
    seconds,
    requestsPerSecond: figure('requests') / seconds,
    p50Ms: figure('p50Us') / 1_000,
    p99Ms: figure('p99Us') / 1_000,
    errors: figure('connect') + figure('read') + figure('write') + figure('status') + figure('timeout')
  }
}
