import { createRequire } from 'node:module'
import { loadUntilInterrupted, LOAD_MARGIN_MS, type LoadGenerator, type LoadReport, type LoadRequest } from './load.ts'
import { REQUEST_HEADERS } from './request-headers.ts'

const require = createRequire(import.meta.url)

/** autocannon: slower than wrk and with latencies in whole milliseconds, but there wherever npm is. */
export const autocannon: LoadGenerator = {
  name: 'autocannon',

  version () {
    try {
      // A package.json has a version.
      return (require('autocannon/package.json') as { version: string }).version
    } catch {
      return undefined
    }
  },

  async run (session, request) {
    const args = cannonArguments(request, [])
    const spec = { command: process.execPath, args, cpu: session.cpus.load }
    return readReport(await session.children.run(spec, request.seconds * 1_000 + LOAD_MARGIN_MS))
  },

  startPaced (session, request, rate) {
    const args = cannonArguments(request, ['--overallRate', String(rate), '--ignoreCoordinatedOmission'])
    const child = session.children.start({ command: process.execPath, args })
    return loadUntilInterrupted(child, session.children.output(child, 'autocannon'), readReport)
  }
}

function cannonArguments (request: LoadRequest, more: readonly string[]): readonly string[] {
  const headers: Record<string, string> = { ...REQUEST_HEADERS }
  if (request.host !== undefined) headers['Host'] = request.host
  return [
    require.resolve('autocannon'), '--json', '--no-progress',
    '--connections', String(request.connections), '--duration', String(request.seconds), ...more,
    ...Object.entries(headers).flatMap(([name, value]) => ['--headers', `${name}=${value}`]),
    `${request.secure === true ? 'https' : 'http'}://127.0.0.1:${request.port}${request.path}`
  ]
}

/** The part of autocannon's JSON that is read here. */
interface CannonResult {
  readonly requests: { readonly total: number }
  readonly latency: { readonly p50: number, readonly p99: number }
  readonly duration: number
  readonly errors: number
  readonly timeouts: number
  readonly non2xx: number
}

function readReport (text: string): LoadReport {
  // A trust boundary: the format of autocannon 8 and 9; a missing figure turns into NaN or an exception, not into a result.
  const result = JSON.parse(text.slice(text.indexOf('{'))) as CannonResult
  return {
    requests: result.requests.total,
    seconds: result.duration,
    requestsPerSecond: result.requests.total / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    // autocannon counts a time-out as an error too.
    errors: result.errors + result.non2xx
  }
}
