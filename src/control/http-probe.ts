/**
 * One probe over HTTP/1.1, on a connection of its own. Loading this file loads undici: the control plane does so when a route
 * asks for active checks.
 */
import net from 'node:net'
import tls from 'node:tls'
import { Client } from 'undici'
import { endpointKey } from '../core/endpoint.ts'
import { errorCode } from '../core/error-text.ts'
import { isLocalShortage } from '../net/open-files.ts'
import type { ProbeResult } from '../health/active-check.ts'
import { createClientContext } from '../upstream/tls-transport.ts'
import type { Authorities, UpstreamTls } from '../contract/route-spec.ts'

/** What a probe needs to know. */
export interface ProbeTarget {
  readonly address: string
  readonly port: number
  readonly path: string
  /** The Host of the request. */
  readonly host: string
  /** Plain TCP without it. */
  readonly tls?: UpstreamTls
}

/** More of an answer is not waited for: what has come so far is enough. */
const MAX_BODY_BYTES = 65_536
const MAX_HEAD_BYTES = 16_384

/** Contexts that are kept: one for each set of authorities in use, which are slow to parse. */
const MAX_CONTEXTS = 32

export class HttpProbe {
  /** By the digest of the authorities; '' for those that Node ships with. */
  readonly #contexts = new Map<string, tls.SecureContext>()

  /** Sends a GET; a status from 200 to 399 passes, and no redirect is followed. */
  async run (target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
    let socket: net.Socket | undefined
    // undici sees to an abort only once there is a connection.
    const abort = (): void => { socket?.destroy(new Error('aborted')) }
    signal.addEventListener('abort', abort)
    const client = new Client(`${target.tls === undefined ? 'http' : 'https'}://${endpointKey(target)}`, {
      // One request a connection, and the deadline is the caller's.
      pipelining: 0,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: MAX_HEAD_BYTES,
      connect: (_options, callback) => {
        const opening = socket = this.#open(target, () => { callback(null, opening) })
        opening.once('error', error => { callback(error, null) })
      }
    })
    try {
      const { statusCode, body } = await client.request({
        method: 'GET', path: target.path, signal, headers: { host: target.host, 'user-agent': 'weir', accept: '*/*' }
      })
      await discard(body)
      return { passed: statusCode >= 200 && statusCode < 400, detail: `status ${statusCode}` }
    } catch (error) {
      const unmade = isLocalShortage(errorCode(error))
      return { passed: false, detail: describe(error), ...(unmade ? { unmade } : {}) }
    } finally {
      signal.removeEventListener('abort', abort)
      socket?.destroy()
      await client.destroy()
    }
  }

  /** As workers do it: what verifies for requests verifies for probes. */
  #open ({ address, port, tls: settings }: ProbeTarget, onOpen: () => void): net.Socket {
    if (settings === undefined) return net.connect({ host: address, port, noDelay: true }, onOpen)
    const { ca, serverName, verify } = settings
    return tls.connect({
      host: address,
      port,
      secureContext: this.#contextOf(ca),
      rejectUnauthorized: verify,
      ALPNProtocols: ['http/1.1'],
      ...(serverName === undefined ? {} : { servername: serverName })
    }, onOpen)
  }

  #contextOf (ca: Authorities | undefined): tls.SecureContext {
    const key = ca?.digest ?? ''
    const known = this.#contexts.get(key)
    if (known !== undefined) return known
    if (this.#contexts.size >= MAX_CONTEXTS) this.#contexts.clear()
    const context = createClientContext(ca)
    this.#contexts.set(key, context)
    return context
  }
}

async function discard (body: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0
  for await (const piece of body) {
    bytes += piece.length
    if (bytes >= MAX_BODY_BYTES) return
  }
}

function describe (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = errorCode(error) ?? error.name
  return error.message.includes(code) ? error.message : `${code}: ${error.message}`
}
