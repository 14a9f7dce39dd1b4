/**
 * One small HTTP request of the harness itself: readiness probes and the admin API.
 */
import { request, type Agent } from 'node:http'
import { request as secureRequest } from 'node:https'

export interface ExchangeRequest {
  readonly port: number
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Reuses connections; without it every request opens one of its own. */
  readonly agent?: Agent
  readonly timeoutMs?: number
  /** Over TLS; the server has to show this certificate (PEM). */
  readonly certificate?: string | undefined
}

export interface ExchangeResponse {
  readonly status: number
  readonly body: Buffer
}

/**
 * Asks 127.0.0.1 and reads the whole answer.
 * @throws Error of node:http when there is no whole answer in time
 */
export async function exchange (options: ExchangeRequest): Promise<ExchangeResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<ExchangeResponse>()
  const secure = options.certificate !== undefined
  const outgoing = (secure ? secureRequest : request)({
    ...(secure ? { ca: options.certificate } : {}),
    host: '127.0.0.1',
    port: options.port,
    path: options.path,
    method: options.method ?? 'GET',
    headers: options.headers ?? {},
    agent: options.agent ?? false,
    signal: AbortSignal.timeout(options.timeoutMs ?? 5_000)
  }, incoming => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    incoming.on('error', reject)
    incoming.on('end', () => { resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks) }) })
  })
  outgoing.on('error', reject)
  outgoing.end(options.body)
  return await promise
}

/**
 * The status of a GET, or undefined when nobody answers.
 * @param certificate as in ExchangeRequest
 */
export async function statusOf (port: number, path: string, certificate?: string): Promise<number | undefined> {
  try {
    return (await exchange({ port, path, timeoutMs: 1_000, certificate })).status
  } catch {
    return undefined
  }
}
