/**
 * A double of kube-apiserver for EndpointSlices (discovery.k8s.io/v1), on a real socket of loopback, written from
 * recordings of kube-apiserver 1.32 and 1.36. It lists, watches, and fails in every way that the real one was seen to.
 *
 *     const server = await KubeApiServer.start()
 *     server.createSlice({ name: 'web-a', service: 'web', endpoints: ['192.0.2.11'] })
 *     const kubeconfig = server.kubeconfig()          // the text of a kubeconfig; put it into a file
 *     …
 *     await server.stop()
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { CONFIG_MAPS, LEASES, NamedCollection, namedRequest, type NamedRequest, type ObjectVerb } from './kube-api-server-collection.ts'
import { podsNamespace, Pods, refusePods } from './kube-api-server-pods.ts'
import { KubeObjects, parseLabelSelector, type SliceSpec, type StoredEvent } from './kube-api-server-objects.ts'
import { sendPage, sendRefusal, sendStatus } from './kube-api-server-answers.ts'
import { WatchStream } from './kube-api-server-watch.ts'

export interface KubeApiServerOptions {
  /** PEM. With it the server speaks TLS. */
  readonly tls?: { readonly cert: string, readonly key: string }
  /** The beat of bookmarks; the real server's is 60 s. */
  readonly bookmarkEveryMs?: number
  /** How long a consistent list hangs before its 504 while etcd hangs; the real server's is 60 s. */
  readonly etcdTimeoutMs?: number
  /** How long a list waits for a resourceVersion of the future; the real server's is 3 s. */
  readonly futureWaitMs?: number
}

/**
 * What the next request gets instead of its answer: a status with the body that the real server was seen to send, a
 * reset connection, an answer that ends within its body, a body that is not JSON, no answer at all, or a write that is made and
 * whose answer is lost.
 */
export type Fault = 400 | 401 | 403 | 404 | 410 | 429 | 500 | 503 | 504 | 'reset' | 'truncated' | 'garbage' | 'unanswered' | 'lost'

export interface RecordedRequest {
  readonly verb: ObjectVerb
  readonly path: string
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  readonly accept: string | undefined
}

interface PlannedFault { readonly fault: Fault, readonly verb: ObjectVerb | undefined, readonly plural: string | undefined }

export class KubeApiServer {
  /** The objects; the methods below are for the everyday. */
  readonly objects = new KubeObjects()
  readonly configMaps = new NamedCollection(CONFIG_MAPS, this.objects)
  readonly leases = new NamedCollection(LEASES, this.objects)
  readonly pods: Pods
  /** Every request in the order of arrival. */
  readonly requests: RecordedRequest[] = []
  /** The token that requests must bear; undefined lets everyone in. */
  token: string | undefined
  /** Answer 403 to every request that begins now. Open watches go on, as RBAC is asked once a request. */
  forbidden = false
  /** The same for some namespaces only, as without a Role there. */
  readonly forbiddenNamespaces = new Set<string>()
  /** The same for some resources only: `leases`, `pods`, `endpointslices`. */
  readonly forbiddenResources = new Set<string>()
  /** Cut every event of a watch into chunks of so many bytes; 0 for one chunk an event. */
  splitBytes = 0
  readonly #options: KubeApiServerOptions
  readonly #sockets = new Set<Socket>()
  readonly #watches = new Set<WatchStream>()
  readonly #faults: PlannedFault[] = []
  readonly #waiting = new Set<() => void>()
  #server: Server | undefined
  #port = 0
  #hung = false
  #hungSince = 0
  /** What requests about named objects take, and what happens meanwhile; watches take none. */
  slow: { readonly ms: number, readonly meanwhile: () => void } | undefined
  /** Requests about named objects that wait for etcd. */
  readonly #hanging = new Set<() => void>()

  /** Use KubeApiServer.start: a server that does not listen is of no use. */
  constructor (options: KubeApiServerOptions) {
    this.#options = options
    this.pods = new Pods({
      objects: this.objects,
      revision: () => this.objects.revision,
      silent: () => this.#hung,
      bookmarkEveryMs: options.bookmarkEveryMs ?? 60_000,
      etcdTimeoutMs: options.etcdTimeoutMs ?? 60_000,
      changed: () => { this.#changed() }
    })
  }

  static async start (options: KubeApiServerOptions = {}): Promise<KubeApiServer> {
    const server = new KubeApiServer(options)
    await server.startAgain()
    return server
  }

  /** Ends everything. */
  async stop (): Promise<void> {
    await this.kill()
  }

  get url (): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`
  }

  /** A kubeconfig for this server, with `token` or a token file if given. */
  kubeconfig (user: { readonly token?: string, readonly tokenFile?: string, readonly namespace?: string } = {}): string {
    const ca = this.#options.tls === undefined ? {} : { 'certificate-authority-data': Buffer.from(this.#options.tls.cert).toString('base64') }
    const authProvider = user.tokenFile === undefined ? {} : { 'auth-provider': { name: 'tokenFile', config: { tokenFile: user.tokenFile } } }
    // JSON is YAML.
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'double',
      clusters: [{ name: 'double', cluster: { server: this.url, ...ca } }],
      users: [{ name: 'tester', user: { ...(user.token === undefined ? {} : { token: user.token }), ...authProvider } }],
      contexts: [{ name: 'double', context: { cluster: 'double', user: 'tester', ...(user.namespace === undefined ? {} : { namespace: user.namespace }) } }]
    })
  }

  createSlice (spec: SliceSpec): void {
    this.#publish(this.objects.create(spec))
  }

  /** Changes what the spec names: endpoints, ports, labels. A change that changes nothing makes no event. */
  patchSlice (spec: SliceSpec): void {
    const event = this.objects.patch(spec)
    if (event !== undefined) this.#publish(event)
  }

  deleteSlice (name: string, namespace?: string): void {
    this.#publish(this.objects.delete(name, namespace))
  }

  /** Writes to some other resource: the revision goes up and nothing is seen of it. */
  touch (times = 1): void {
    this.objects.revision += times
  }

  /** What happens within `task` reaches each watch as one chunk. */
  batch (task: () => void): void {
    const nested = [...this.#watches].reduce<() => void>((inner, watch) => () => { watch.batch(inner) }, task)
    nested()
  }

  sendBookmarks (): void {
    for (const watch of this.#watches) watch.sendBookmark()
  }

  /** Any bytes to every open watch. */
  sendRaw (text: string): void {
    for (const watch of this.#watches) watch.sendRaw(text)
  }

  /** Ends every watch cleanly, as timeoutSeconds does. */
  endWatches (): void {
    for (const watch of this.#watches) watch.end()
    this.configMaps.endWatches()
    this.leases.endWatches()
    this.pods.endWatches()
  }

  /** Plans faults for the next requests, of one verb and one resource (`configmaps`) if given; each is used once. */
  failNext (faults: readonly Fault[], verb?: ObjectVerb, plural?: string): void {
    this.#faults.push(...faults.map(fault => ({ fault, verb, plural })))
  }

  /** etcd hangs: watches are open and silent, consistent lists end in 504, lists at resourceVersion=0 are served. */
  hang (): void {
    this.#hung = true
    this.configMaps.silent = true
    this.leases.silent = true
    this.#hungSince = this.objects.revision
  }

  /** etcd is back: watches get what they missed. */
  unhang (): void {
    this.#hung = false
    for (const answer of this.#hanging) answer()
    this.configMaps.catchUp(this.#hungSince)
    this.leases.catchUp(this.#hungSince)
    this.pods.catchUp()
    for (const event of this.objects.eventsAfter(0)) {
      for (const watch of this.#watches) watch.sendEvent(event)
    }
  }

  /** Makes the watch cache forget: a watch from an older resourceVersion gets 410 inside a 200. */
  forgetWatchHistory (): void {
    this.objects.watchFloor = this.objects.revision
  }

  /** Compacts etcd: exact lists and continue tokens from before get an HTTP 410. */
  compact (): void {
    this.objects.listFloor = this.objects.revision
  }

  /** SIGKILL: every connection is reset, nothing listens. */
  async kill (): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await closed
  }

  /** Listens on the port it had before, with an empty watch cache and the objects as they are. */
  async startAgain (): Promise<void> {
    const { tls } = this.#options
    const listener: RequestListener = (request, response) => { this.#answer(request, response) }
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.once('close', () => { this.#sockets.delete(socket) })
    })
    this.forgetWatchHistory()
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#server = server
    this.#port = (server.address() as AddressInfo).port // not a pipe, so an AddressInfo
  }

  /** A restart as a ServiceAccount sees it: reset, refused, one 403, then service. */
  async restart (): Promise<void> {
    await this.kill()
    this.failNext([403])
    await this.startAgain()
  }

  get watchCount (): number {
    return this.#watches.size
  }

  /** Resolves when the condition holds; it is checked after every request and every open or closed watch. */
  async until (condition: () => boolean): Promise<void> {
    if (condition()) return
    await new Promise<void>(resolve => {
      const check = (): void => {
        if (!condition()) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
    })
  }

  #publish (event: StoredEvent): void {
    for (const watch of this.#watches) watch.sendEvent(event)
  }

  #changed (): void {
    for (const check of this.#waiting) check()
  }

  #answer (request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url)
    const watching = url.searchParams.get('watch') === '1' || url.searchParams.get('watch') === 'true'
    const about = namedRequest(request.method ?? '', url)
    const verb = about?.verb ?? (watching ? 'watch' : 'list')
    const pods = podsNamespace(url)
    this.requests.push({ verb, path: url.pathname, query: url.searchParams, authorization: request.headers.authorization, accept: request.headers.accept })
    const meant = ({ verb: wanted = verb, plural = about?.plural }: PlannedFault): boolean => wanted === verb && plural === about?.plural
    const planned = this.#faults.findIndex(meant)
    const fault = planned === -1 ? undefined : this.#faults.splice(planned, 1)[0]?.fault
    if (fault !== undefined && fault !== 'lost') fail(request, response, fault)
    else if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) sendRefusal(response, 401)
    else if (pods !== undefined && this.forbiddenResources.has('pods')) refusePods(response, pods, verb)
    else if (this.#isForbidden(url, about)) sendRefusal(response, 403)
    else if (pods !== undefined) this.pods.serve(pods, url, request, response)
    else if (about !== undefined) this.#serveNamed(about, request, response, fault === 'lost')
    else this.#serve(url, watching ? 'watch' : 'list', response)
    this.#changed()
  }

  #isForbidden (url: URL, about: NamedRequest | undefined): boolean {
    return this.forbidden || this.forbiddenNamespaces.has(namespaceOf(url) ?? '') || this.forbiddenResources.has(about?.plural ?? url.pathname.split('/').at(-1) ?? '')
  }

  /** While etcd hangs there is no answer but to a watch. */
  #serveNamed (about: NamedRequest, request: IncomingMessage, response: ServerResponse, lost: boolean): void {
    if (this.#hung && about.verb !== 'watch') {
      const answer = (): void => {
        clearTimeout(timer)
        this.#hanging.delete(answer)
        sendRefusal(response, 504)
      }
      const timer = setTimeout(answer, this.#options.etcdTimeoutMs ?? 60_000).unref()
      this.#hanging.add(answer)
      return
    }
    const collection = about.plural === 'leases' ? this.leases : this.configMaps
    const serve = (): void => { collection.serve(about, request, response, lost).catch(() => { request.socket.destroy() }) }
    const { slow } = this
    if (slow === undefined || about.verb === 'watch' || about.plural === 'leases') {
      serve()
      return
    }
    setTimeout(() => {
      slow.meanwhile()
      serve()
    }, slow.ms).unref()
  }

  #serve (url: URL, verb: 'list' | 'watch', response: ServerResponse): void {
    const match = /^\/apis\/discovery\.k8s\.io\/v1(?:\/namespaces\/([^/]+))?\/([^/]+)$/.exec(url.pathname)
    if (match?.[2] !== 'endpointslices') {
      sendRefusal(response, 404)
      return
    }
    const namespace = namespaceOf(url)
    if (verb === 'watch') this.#watch(namespace, url.searchParams, response)
    else this.#list(namespace, url.searchParams, response)
  }

  #list (namespace: string | undefined, query: URLSearchParams, response: ServerResponse): void {
    const { etcdTimeoutMs = 60_000, futureWaitMs = 3_000 } = this.#options
    const version = query.get('resourceVersion') ?? ''
    if (this.#hung && version !== '0') {
      setTimeout(() => { sendRefusal(response, 504) }, etcdTimeoutMs)
    } else if (!/^[0-9]*$/.test(version)) {
      sendStatus(response, 400, { reason: 'BadRequest', message: `invalid resource version "${version}"` })
    } else if (Number(version) > this.objects.revision) {
      const message = `Timeout: Too large resource version: ${version}, current: ${this.objects.revision}`
      setTimeout(() => { sendStatus(response, 504, { reason: 'Timeout', message, retryAfterSeconds: 1 }) }, futureWaitMs)
    } else {
      sendPage(response, this.objects, { namespace, query })
    }
  }

  #watch (namespace: string | undefined, query: URLSearchParams, response: ServerResponse): void {
    const version = query.get('resourceVersion') ?? ''
    if (!/^[0-9]*$/.test(version)) {
      sendStatus(response, 500, { message: `strconv.ParseUint: parsing "${version}": invalid syntax` })
      return
    }
    const timeoutSeconds = Number(query.get('timeoutSeconds') ?? 0)
    const fromStart = version === '' || version === '0'
    const selects = parseLabelSelector(query.get('labelSelector') ?? '')
    const watch = new WatchStream(response, {
      kind: { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1' },
      empty: { addressType: '', endpoints: null, ports: null },
      namespace,
      selects,
      after: fromStart ? this.objects.revision : Number(version),
      bookmarks: query.get('allowWatchBookmarks') === 'true',
      timeoutMs: timeoutSeconds > 0 ? timeoutSeconds * 1_000 : undefined,
      bookmarkEveryMs: this.#options.bookmarkEveryMs ?? 60_000,
      revision: () => this.objects.revision,
      silent: () => this.#hung
    })
    watch.splitBytes = this.splitBytes
    if (!fromStart && Number(version) < this.objects.watchFloor) {
      watch.expire(this.objects.watchFloor)
      return
    }
    this.#watches.add(watch)
    response.once('close', () => {
      this.#watches.delete(watch)
      this.#changed()
    })
    if (fromStart) for (const object of this.objects.list(namespace, selects)) watch.sendObject('ADDED', object)
    else for (const event of this.objects.eventsAfter(Number(version))) watch.sendEvent(event)
  }
}

function namespaceOf (url: URL): string | undefined {
  const name = /\/namespaces\/([^/]+)\//.exec(url.pathname)?.[1]
  return name === undefined ? undefined : decodeURIComponent(name)
}

function fail (request: IncomingMessage, response: ServerResponse, fault: Exclude<Fault, 'lost'>): void {
  if (fault === 'reset') {
    request.socket.resetAndDestroy()
  } else if (fault === 'truncated') {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' })
    response.write('{"kind":"EndpointSliceList","metadata":{"resourceVersion":"1"},"items":[', () => { request.socket.destroy() })
  } else if (fault === 'garbage') {
    response.writeHead(200, { 'content-type': 'application/json' }).end('<html>not what you asked for</html>\n')
  } else if (fault !== 'unanswered') {
    sendRefusal(response, fault)
  }
}
