// The library prepares its credentials as options for these; see docs/adr/0003-kubernetes-client.md.
import type { IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'
import { abortable } from '../core/abortable.ts'
import { readBounded } from '../core/read-bounded.ts'
import type { Clock } from '../core/clock.ts'
import { asList, asObject, asText } from '../core/untrusted.ts'
import {
  KubeError, type KubeApi, type KubeCollection, type KubeListPage, type KubeListRequest, type KubeObjectApi, type KubeObjectName,
  type KubeWatchEvent, type KubeWatchRequest
} from './kube-api.ts'
import type { KubeCredentials } from './kube-credentials.ts'
import { refusalOfServer } from './server-refusal.ts'

/** What an answer may cost in time and memory. */
export interface KubeClientLimits {
  /** From the start of a list request to the end of its answer. Below the 60 s after which the server gives up on a hung etcd. */
  readonly listTimeoutMs: number
  /** From the start of a watch request to the header of its answer. */
  readonly watchHeadTimeoutMs: number
  /** One page of a list. */
  readonly maxListBytes: number
  /** One event of a watch. etcd refuses objects above 1.5 MiB. */
  readonly maxEventBytes: number
}

export const DEFAULT_KUBE_CLIENT_LIMITS: KubeClientLimits = {
  listTimeoutMs: 30_000,
  watchHeadTimeoutMs: 30_000,
  maxListBytes: 64 * 1_048_576,
  maxEventBytes: 4 * 1_048_576
}

export interface KubeClientOptions {
  /** Called for the first request and again after any failure, so that what was corrected or replaced is found. */
  readonly loadCredentials: () => Promise<KubeCredentials>
  readonly clock: Clock
  readonly limits?: KubeClientLimits
}

const UNAUTHORIZED = 401
const CONFLICT = 409
const MAX_ERROR_BODY_BYTES = 65_536
const TCP_KEEP_ALIVE_MS = 30_000

/** One request of the API, but for the credentials. */
interface Question {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly groupVersion: string
  readonly namespace: string | undefined
  /** What follows the namespace, with the query. */
  readonly path: string
  readonly accept?: string
  readonly body?: unknown
}

/** What is asked for when metadata alone is wanted; whole objects are second best. */
const METADATA = { list: 'PartialObjectMetadataList', watch: 'PartialObjectMetadata' }

function collectionQuestion (
  collection: KubeCollection, verb: 'list' | 'watch', query: URLSearchParams
): Question {
  const { groupVersion, namespace, plural, labelSelector, objectName, metadataOnly = false } = collection
  if (labelSelector !== '') query.set('labelSelector', labelSelector)
  if (objectName !== undefined) query.set('fieldSelector', `metadata.name=${objectName}`)
  const accept = metadataOnly ? { accept: `application/json;as=${METADATA[verb]};v=v1;g=meta.k8s.io,application/json` } : {}
  return { method: 'GET', groupVersion, namespace, path: `${plural}?${query.toString()}`, ...accept }
}

function objectQuestion ({ groupVersion, namespace, plural, name }: KubeObjectName): Pick<Question, 'groupVersion' | 'namespace' | 'path'> {
  return { groupVersion, namespace, path: `${plural}/${encodeURIComponent(name)}` }
}

/**
 * The Kubernetes API over HTTP/1.1, one connection a request. docs/adr/0003-kubernetes-client.md says why this is not
 * the library's own client. Constructing one costs nothing: credentials are loaded for the first request.
 */
export class KubeClient implements KubeApi, KubeObjectApi {
  readonly #loadCredentials: () => Promise<KubeCredentials>
  readonly #clock: Clock
  readonly #limits: KubeClientLimits
  #credentials: Promise<KubeCredentials> | undefined
  #ownNamespace: string | undefined

  constructor (options: KubeClientOptions) {
    this.#loadCredentials = options.loadCredentials
    this.#clock = options.clock
    this.#limits = options.limits ?? DEFAULT_KUBE_CLIENT_LIMITS
  }

  get ownNamespace (): string | undefined { return this.#ownNamespace }

  async list (request: KubeListRequest): Promise<KubeListPage> {
    const query = new URLSearchParams()
    if (request.limit > 0) query.set('limit', String(request.limit))
    if (request.continueToken !== '') query.set('continue', request.continueToken)
    else if (request.freshness === 'any') query.set('resourceVersion', '0')
    return await this.#within(this.#limits.listTimeoutMs, request.signal, async signal => {
      const response = await this.#open(collectionQuestion(request.collection, 'list', query), signal)
      return readListPage(await readBody(response, this.#limits.maxListBytes))
    })
  }

  async get (object: KubeObjectName, timeoutMs: number): Promise<unknown> {
    return await this.#exchange({ ...objectQuestion(object), method: 'GET' }, timeoutMs)
  }

  async create (object: KubeObjectName, body: unknown, timeoutMs: number): Promise<unknown> {
    const { groupVersion, namespace, plural } = object
    return await this.#exchange({ groupVersion, namespace, path: plural, method: 'POST', body }, timeoutMs)
  }

  async replace (object: KubeObjectName, body: unknown, timeoutMs: number): Promise<unknown> {
    return await this.#exchange({ ...objectQuestion(object), method: 'PUT', body }, timeoutMs)
  }

  async #exchange (question: Question, timeoutMs: number): Promise<unknown> {
    const beganMs = this.#clock.nowMs()
    try {
      return await this.#ask(question, timeoutMs)
    } catch (error) {
      // Nothing was done. The token may have expired, and its file have a new one, which is read now.
      if (KubeError.from(error).status !== UNAUTHORIZED) throw error
      return await this.#ask(question, Math.max(1, timeoutMs - (this.#clock.nowMs() - beganMs)))
    }
  }

  async #ask (question: Question, timeoutMs: number): Promise<unknown> {
    return await this.#within(timeoutMs, new AbortController().signal, async signal => {
      return parsed(await readBody(await this.#open(question, signal), this.#limits.maxEventBytes), 'an object')
    })
  }

  async * watch (request: KubeWatchRequest): AsyncGenerator<KubeWatchEvent, void, undefined> {
    const query = new URLSearchParams({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: request.resourceVersion,
      timeoutSeconds: String(request.timeoutSeconds)
    })
    const response = await this.#within(this.#limits.watchHeadTimeoutMs, request.signal,
      async signal => await this.#open(collectionQuestion(request.collection, 'watch', query), signal))
    request.opened?.()
    const credentials = this.#credentials
    try {
      for await (const line of jsonLines(response, this.#limits.maxEventBytes)) yield readWatchEvent(line)
    } catch (error) {
      this.#forget(credentials)
      throw failure(error, request.signal)
    } finally {
      response.destroy()
    }
  }

  /** Runs `task` with a signal that also aborts when the time is over. What `task` returns stays under the signal. */
  async #within<T> (timeoutMs: number, outer: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    const timer = this.#clock.after(timeoutMs, () => {
      controller.abort(new KubeError('timeout', `the Kubernetes API did not answer within ${Math.ceil(timeoutMs)} ms`))
    })
    outer.addEventListener('abort', () => { controller.abort(outer.reason) }, { once: true })
    if (outer.aborted) controller.abort(outer.reason)
    const credentials = this.#currentCredentials()
    try {
      return await task(controller.signal)
    } catch (error) {
      // A conflict says nothing against the credentials.
      if (!(error instanceof KubeError && error.status === CONFLICT)) this.#forget(credentials)
      throw failure(error, controller.signal)
    } finally {
      timer.cancel()
    }
  }

  async #open ({ groupVersion, namespace, path, method, accept, body }: Question, signal: AbortSignal): Promise<IncomingMessage> {
    const credentials = await abortable(this.#currentCredentials(), signal)
    this.#ownNamespace = credentials.namespace
    const options = await abortable(credentials.requestOptions(signal), signal)
    // The core group is older than the others and has a place of its own.
    const root = groupVersion.includes('/') ? 'apis' : 'api'
    const place = `/${root}/${groupVersion}/namespaces/${encodeURIComponent(namespace ?? credentials.namespace)}/${path}`
    const headers = { ...options.headers, ...(accept === undefined ? {} : { Accept: accept }) }
    const response = await send(credentials.server.replace(/\/+$/, '') + place, { ...options, headers, method, signal }, body)
    if (response.statusCode === 200 || response.statusCode === 201) return response
    if (response.statusCode !== CONFLICT) credentials.doubt(response.statusCode === UNAUTHORIZED)
    throw await refusal(response)
  }

  #currentCredentials (): Promise<KubeCredentials> {
    if (this.#credentials !== undefined) return this.#credentials
    const loading = this.#loadCredentials()
    this.#credentials = loading
    // Whoever asked for them hears of it.
    loading.catch(() => {})
    return loading
  }

  /**
   * Any failure may come of what the credentials say, be it the address, the authority, a certificate or a token (which the
   * library reads again at most once a minute); and all of it may have been corrected since it was read.
   */
  #forget (credentials: Promise<KubeCredentials> | undefined): void {
    if (credentials === undefined || this.#credentials !== credentials) return
    this.#credentials = undefined
    credentials.then(loaded => { loaded.doubt(false) }, () => {})
  }
}

/** Says what an aborted operation was aborted for, rather than that it was. */
function failure (error: unknown, signal: AbortSignal): KubeError {
  return KubeError.from(signal.aborted ? signal.reason : error)
}

async function send (url: string, options: RequestOptions, body: unknown): Promise<IncomingMessage> {
  // At the first request: a static configuration makes none, and import of node:http loads all of Node's fetch with it, 15 MiB.
  const { request: open } = url.startsWith('https:') ? await import('node:https') : await import('node:http')
  return await new Promise((resolve, reject) => {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const headers = bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': bytes.length }
    const request = open(url, { ...options, headers: { ...options.headers, ...headers } })
    request.once('socket', socket => { socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS) })
    request.once('response', response => {
      // A break between here and the first read must not be an unhandled 'error'; the reader sees it all the same.
      response.on('error', () => {})
      resolve(response)
    })
    request.on('error', reject)
    request.end(bytes)
  })
}

async function readBody (response: IncomingMessage, maxBytes: number): Promise<string> {
  const body = await readBounded(response, maxBytes)
  if (body === undefined) throw new KubeError('too-large', `the Kubernetes API sent an answer of more than ${maxBytes} bytes`)
  return body.toString('utf8')
}

/** The error of a refused request. */
async function refusal (response: IncomingMessage): Promise<KubeError> {
  const body = await readBody(response, MAX_ERROR_BODY_BYTES).catch(() => '')
  return refusalOfServer({
    status: response.statusCode ?? 0, reason: response.statusMessage ?? '', body, retryAfter: response.headers['retry-after']
  })
}

/** @param what the API server was to send */
function parsed (text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new KubeError('malformed', `the Kubernetes API sent ${what} that is not JSON`, { cause })
  }
}

function readListPage (text: string): KubeListPage {
  const list = asObject(parsed(text, 'a list'))
  const metadata = asObject(list?.['metadata'])
  const resourceVersion = asText(metadata?.['resourceVersion'])
  if (list === undefined || resourceVersion === undefined || resourceVersion === '') {
    throw new KubeError('malformed', 'the Kubernetes API sent a list without a resourceVersion')
  }
  return { resourceVersion, continueToken: asText(metadata?.['continue']) ?? '', items: asList(list['items']) }
}

function readWatchEvent (line: unknown): KubeWatchEvent {
  const event = asObject(line)
  const type = asText(event?.['type'])
  if (event === undefined || type === undefined) throw new KubeError('malformed', 'the Kubernetes API sent a watch event without a type')
  return { type, object: event['object'] }
}

const LINE_FEED = 0x0a

/**
 * Splits a stream of bytes into lines and reads each as JSON. Chunk boundaries mean nothing: a chunk may hold several
 * lines, and a line or a character may be split over chunks. Empty lines are skipped.
 * @param maxLineBytes the longest line that is kept in memory
 * @throws KubeError `too-large` past that, `malformed` for a line that is not JSON or a stream that ends within a line
 */
export async function * jsonLines (chunks: AsyncIterable<Uint8Array>, maxLineBytes: number): AsyncGenerator<unknown, void, undefined> {
  let parts: Uint8Array[] = []
  let partsBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      checkLength(partsBytes + end - start, maxLineBytes)
      const line = Buffer.concat([...parts, chunk.subarray(start, end)]).toString('utf8')
      parts = []
      partsBytes = 0
      start = end + 1
      if (line.trim() !== '') yield parsed(line, 'a line')
    }
    if (start === chunk.length) continue
    partsBytes += chunk.length - start
    checkLength(partsBytes, maxLineBytes)
    parts.push(chunk.subarray(start))
  }
  if (partsBytes > 0) throw new KubeError('malformed', 'the stream of the Kubernetes API ended in the middle of a line')
}

function checkLength (bytes: number, maxLineBytes: number): void {
  if (bytes > maxLineBytes) throw new KubeError('too-large', `the Kubernetes API sent a line of more than ${maxLineBytes} bytes`)
}
