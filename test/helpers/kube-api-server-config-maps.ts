/**
 * The ConfigMaps of the API server double: list, watch, get, create and update over HTTP.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendStatus } from './kube-api-server-answers.ts'
import { NamedObjects, type GivenObject, type NamedEvent, type NamedObject, type Written } from './kube-api-server-named.ts'
import type { KubeObjects } from './kube-api-server-objects.ts'

/** The path of a collection or an object of the core group. */
const PATH = /^\/api\/v1\/namespaces\/([^/]+)\/configmaps(?:\/([^/]+))?$/

export type ObjectVerb = 'get' | 'list' | 'watch' | 'create' | 'update'

/** One request about ConfigMaps. */
export interface ConfigMapRequest {
  readonly verb: ObjectVerb
  readonly namespace: string
  readonly name: string | undefined
  readonly query: URLSearchParams
}

interface OpenWatch {
  readonly response: ServerResponse
  readonly wants: (object: NamedObject) => boolean
}

/** What a request asks of ConfigMaps; undefined when it is about something else. */
export function configMapRequest (method: string, url: URL): ConfigMapRequest | undefined {
  const [, namespace, name] = PATH.exec(url.pathname) ?? []
  if (namespace === undefined) return undefined
  const query = url.searchParams
  const verb = method === 'POST' ? 'create' : method === 'PUT' ? 'update' : name !== undefined ? 'get' : query.get('watch') === '1' ? 'watch' : 'list'
  return { verb, namespace: decodeURIComponent(namespace), name, query }
}

export class ConfigMaps {
  readonly objects: NamedObjects
  /** Watches get nothing, as while etcd hangs. */
  silent = false
  readonly #revisions: Pick<KubeObjects, 'revision'>
  readonly #watches = new Set<OpenWatch>()

  constructor (revisions: Pick<KubeObjects, 'revision'>) {
    this.#revisions = revisions
    this.objects = new NamedObjects(revisions, event => { this.#publish(event) })
  }

  /** @param lost the work is done, and the answer never comes */
  async serve (asked: ConfigMapRequest, request: IncomingMessage, response: ServerResponse, lost: boolean): Promise<void> {
    const { verb, namespace, name, query } = asked
    const wants = selectorOf(namespace, query)
    if (verb === 'watch') return this.#watch(response, wants, Number(query.get('resourceVersion') ?? 0))
    if (verb === 'list') return sendJson(response, 200, { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion: String(this.#revisions.revision) }, items: this.objects.list(namespace).filter(wants) })
    if (verb === 'get') {
      const found = this.objects.get(namespace, name ?? '')
      if (found === undefined) sendStatus(response, 404, { reason: 'NotFound', message: `configmaps "${name ?? ''}" not found` })
      else sendJson(response, 200, asConfigMap(found))
      return
    }
    const body = await readJson(request)
    const written = verb === 'create' ? this.objects.create(namespace, body) : this.objects.replace(namespace, name ?? '', body)
    if (lost) request.socket.destroy()
    else sendWritten(response, written)
  }

  /** What the watches missed while they were silent. */
  catchUp (since: number): void {
    this.silent = false
    for (const event of this.objects.eventsAfter(since)) this.#publish(event)
  }

  endWatches (): void {
    for (const { response } of this.#watches) response.end()
  }

  #watch (response: ServerResponse, wants: (object: NamedObject) => boolean, after: number): void {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const watch = { response, wants }
    this.#watches.add(watch)
    response.once('close', () => { this.#watches.delete(watch) })
    for (const event of this.objects.eventsAfter(after)) sendEvent(watch, event)
  }

  #publish (event: NamedEvent): void {
    if (this.silent) return
    for (const watch of this.#watches) sendEvent(watch, event)
  }
}

function sendEvent ({ response, wants }: OpenWatch, { type, object }: NamedEvent): void {
  if (wants(object)) response.write(`${JSON.stringify({ type, object: asConfigMap(object) })}\n`)
}

function selectorOf (namespace: string, query: URLSearchParams): (object: NamedObject) => boolean {
  const name = /^metadata\.name=(.+)$/.exec(query.get('fieldSelector') ?? '')?.[1]
  return ({ metadata }) => metadata.namespace === namespace && (name === undefined || metadata.name === name)
}

function sendWritten (response: ServerResponse, written: Written): void {
  if ('object' in written) sendJson(response, written.created ? 201 : 200, asConfigMap(written.object))
  else sendStatus(response, written.status, written)
}

function asConfigMap (object: NamedObject): unknown {
  return { kind: 'ConfigMap', apiVersion: 'v1', ...object }
}

function sendJson (response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function readJson (request: IncomingMessage): Promise<GivenObject> {
  const pieces: Buffer[] = []
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece)
  // Only Weir writes here.
  return JSON.parse(Buffer.concat(pieces).toString()) as GivenObject
}
