/**
 * The sample origin: an HTTP server that says which version it is and where it runs. Part of the examples, not of Weir.
 *
 *     node hello-server.ts --version 1.0.0 --port 9001 [--name hello] [--address 127.0.0.1] [--latency-ms 50]
 *         [--error-rate 0.1] [--breakable]
 *
 * Without a flag the environment is asked: HELLO_VERSION, HELLO_PORT, HELLO_NAME, HELLO_ADDRESS, HELLO_LATENCY_MS, HELLO_ERROR_RATE.
 * Every path has the same answer, but /version ({"version":"1.0.0"}) and /healthz; and, when it is breakable, POST /break and POST /mend.
 */
import { once } from 'node:events'
import http from 'node:http'
import { parseArgs } from 'node:util'

export interface HelloOptions {
  /** Which service it plays. */
  readonly name: string
  /** What the server says it is. */
  readonly version: string
  readonly address: string
  /** 0 takes any free port. */
  readonly port: number
  /** How long every answer waits, in milliseconds. */
  readonly latencyMs: number
  /** The share of the answers that are 500, from 0 to 1. */
  readonly errorRate: number
  /** POST /break makes every answer a 500 until POST /mend: for whoever can reach it, so not in a cluster. */
  readonly breakable: boolean
}

export interface HelloServer {
  readonly address: string
  readonly port: number
  /** Stops accepting and lets requests in flight have their answers, for as long as a pod usually has; then closes what is left. */
  close (): Promise<void>
}

export const HELLO_DEFAULTS: HelloOptions = {
  name: 'hello', version: '1.0.0', address: '127.0.0.1', port: 9001, latencyMs: 0, errorRate: 0, breakable: false
}

/** Longer than any proxy keeps an idle connection to us, so that we never close one that is about to be used. */
const KEEP_ALIVE_MS = 65_000
/** What they make of the error rate. */
const ORDERS: ReadonlyMap<string, number> = new Map([['/break', 1], ['/mend', 0]])
/** Below what terminationGracePeriodSeconds leaves after preStop (see stable.yaml), so that the end is ours and not the kubelet's. */
export const CLOSE_LIMIT_MS = 25_000

/**
 * Starts a sample origin.
 * @throws the system's error when the address cannot be used, `EADDRINUSE` for example
 */
export async function startHelloServer (options: HelloOptions): Promise<HelloServer> {
  let { errorRate } = options
  const server = http.createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    // The body is of no interest, but has to be read before the connection can carry another request.
    request.resume()
    const respond = (): void => {
      // Nobody is to send another request on a connection that is about to go.
      if (!server.listening) response.setHeader('connection', 'close')
      const order = options.breakable && request.method === 'POST' ? ORDERS.get(request.url ?? '') : undefined
      if (order !== undefined) errorRate = order
      answer({ ...options, errorRate: order === undefined ? errorRate : 0 }, request, response)
    }
    if (options.latencyMs === 0) respond()
    else setTimeout(respond, options.latencyMs)
  })
  server.listen(options.port, options.address)
  await once(server, 'listening')
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('the server has no IP address')
  return { address: bound.address, port: bound.port, close: async () => { await close(server) } }
}

function answer (options: HelloOptions, request: http.IncomingMessage, response: http.ServerResponse): void {
  const healthCheck = request.url === '/healthz'
  const failed = !healthCheck && Math.random() < options.errorRate
  const from = `${request.socket.localAddress ?? options.address}:${request.socket.localPort ?? options.port}`
  const json = request.headers.accept?.includes('application/json') ?? false
  const who = `${options.name} ${options.version}`
  const text = failed ? `${who} failed on purpose at ${from}\n` : `${who} from ${from}\n`
  const asksVersion = !failed && request.url === '/version'
  const facts = asksVersion
    ? { version: options.version }
    : { message: text.trim(), version: options.version, from, method: request.method, url: request.url, headers: request.headers }
  const body = json || asksVersion ? `${JSON.stringify(facts)}\n` : healthCheck ? 'ok\n' : text
  response.writeHead(failed ? 500 : 200, {
    'content-type': json || asksVersion ? 'application/json' : 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body)
  })
  response.end(body)
}

async function close (server: http.Server): Promise<void> {
  const limit = setTimeout(() => { server.closeAllConnections() }, CLOSE_LIMIT_MS)
  try {
    // Closes idle connections too.
    await new Promise<void>(resolve => { server.close(() => { resolve() }) })
  } finally {
    clearTimeout(limit)
  }
}

/**
 * Reads the options of the command line, then of the environment.
 * @throws TypeError with a sentence for the user
 */
export function readHelloOptions (args: readonly string[], env: Readonly<Record<string, string | undefined>>): HelloOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      name: { type: 'string' },
      version: { type: 'string' },
      address: { type: 'string' },
      port: { type: 'string' },
      'latency-ms': { type: 'string' },
      'error-rate': { type: 'string' },
      breakable: { type: 'boolean', default: false }
    }
  })
  const number = (flag: 'port' | 'latency-ms' | 'error-rate', standard: number, maximum: number): number => {
    const text = values[flag] ?? env[`HELLO_${flag.toUpperCase().replace('-', '_')}`]
    const value = text === undefined || text === '' ? standard : Number(text)
    if (!(value >= 0 && value <= maximum)) throw new TypeError(`--${flag} has to be a number from 0 to ${maximum}, and "${text}" is not`)
    return value
  }
  return {
    name: values.name ?? env['HELLO_NAME'] ?? HELLO_DEFAULTS.name,
    version: values.version ?? env['HELLO_VERSION'] ?? HELLO_DEFAULTS.version,
    address: values.address ?? env['HELLO_ADDRESS'] ?? HELLO_DEFAULTS.address,
    port: number('port', HELLO_DEFAULTS.port, 65_535),
    latencyMs: number('latency-ms', HELLO_DEFAULTS.latencyMs, 600_000),
    errorRate: number('error-rate', HELLO_DEFAULTS.errorRate, 1),
    breakable: values.breakable
  }
}

async function main (): Promise<void> {
  const options = readHelloOptions(process.argv.slice(2), process.env)
  const server = await startHelloServer(options)
  console.log(`${options.name} ${options.version} listens on http://${server.address}:${server.port}`)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => { void server.close() })
  }
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    console.error(`hello: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  })
}
