/**
 * The objects of the API server double that are read and written by name, ConfigMaps and Leases: list, watch, get, create and update over HTTP.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendStatus } from './kube-api-server-answers.ts'
import { NamedObjects, type GivenObject, type NamedEvent, type NamedKind, type NamedObject, type WriteRefusal } from './kube-api-server-named.ts'
import type { KubeObjects } from './kube-api-server-objects.ts'

const MAX_DATA_BYTES = 1_048_576

export const CONFIG_MAPS: NamedKind = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  plural: 'configmaps',
  resource: 'configmaps',
  strictPut: false,
  refuse: ({ metadata: { name }, data = {}, binaryData = {} }) => {
    const texts = Object.values(data).map(text => Buffer.byteLength(text))
    const bytes = [...texts, ...Object.values(binaryData).map(text => Buffer.byteLength(text, 'base64'))].reduce((sum, size) => sum + size, 0)
    const twice = Object.keys(binaryData).find(key => Object.hasOwn(data, key))
    if (twice !== undefined) return invalid(`ConfigMap "${name}" is invalid: data[${twice}]: Invalid value: "${twice}": duplicate of key present in binaryData`)
    const key = [...Object.keys(data), ...Object.keys(binaryData)].find(key => !/^[-._a-zA-Z0-9]{1,253}$/.test(key))
    if (key !== undefined) return invalid(`ConfigMap "${name}" is invalid: data[${key}]: Invalid value: "${key}": a valid config key must consist of alphanumeric characters, '-', '_' or '.'`)
    return bytes > MAX_DATA_BYTES ? invalid(`ConfigMap "${name}" is invalid: []: Too long: may not be more than ${MAX_DATA_BYTES} bytes`) : undefined
  }
}

/** RFC 3339 with exactly six digits behind the point: Go's metav1.MicroTime reads nothing else. */
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/
const INT32 = 2 ** 31

/** With the rules of pkg/apis/coordination/validation; what does not decode is a 400. */
export const LEASES: NamedKind = {
  kind: 'Lease',
  apiVersion: 'coordination.k8s.io/v1',
  plural: 'leases',
  resource: 'leases.coordination.k8s.io',
  strictPut: true,
  refuse: ({ metadata: { name }, spec = {} }) => {
    for (const field of ['acquireTime', 'renewTime']) {
      const time = spec[field]
      if (time !== undefined && time !== null && !MICRO_TIME.test(String(time))) return badRequest(`parsing time "${String(time)}" as "2006-01-02T15:04:05.000000Z07:00": cannot parse`)
    }
    for (const [field, least] of [['leaseDurationSeconds', 1], ['leaseTransitions', 0]] as const) {
      const number = spec[field]
      if (number === undefined || number === null) continue
      if (typeof number !== 'number' || !Number.isInteger(number) || Math.abs(number) >= INT32) return badRequest(`json: cannot unmarshal number ${String(number)} into Go struct field LeaseSpec.spec.${field} of type int32`)
      if (number < least) return invalid(`Lease.coordination.k8s.io "${name}" is invalid: spec.${field}: Invalid value: ${number}: must be greater than ${least === 1 ? '0' : 'or equal to 0'}`)
    }
    return undefined
  }
}

function invalid (message: string): WriteRefusal {
  return { status: 422, reason: 'Invalid', message }
}

function badRequest (what: string): WriteRefusal {
  return { status: 400, reason: 'BadRequest', message: `Lease in version "v1" cannot be handled as a Lease: ${what}` }
}

export type ObjectVerb = 'get' | 'list' | 'watch' | 'create' | 'update'

/** One request about objects of a kind. */
export interface NamedRequest {
  readonly verb: ObjectVerb
  readonly plural: string
  readonly namespace: string
  readonly name: string | undefined
  readonly query: URLSearchParams
}

interface OpenWatch {
  readonly response: ServerResponse
  readonly wants: (object: NamedObject) => boolean
}

/** What a request asks of ConfigMaps or Leases; undefined when it is about something else. */
export function namedRequest (method: string, url: URL): NamedRequest | undefined {
  for (const { apiVersion, plural } of [CONFIG_MAPS, LEASES]) {
    const start = `/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}/namespaces/`
    if (!url.pathname.startsWith(start)) continue
    const [namespace, collection, name] = url.pathname.slice(start.length).split('/').map(decodeURIComponent)
    if (namespace === undefined || collection !== plural) continue
    const query = url.searchParams
    const verb = method === 'POST' ? 'create' : method === 'PUT' ? 'update' : name !== undefined ? 'get' : query.get('watch') === '1' ? 'watch' : 'list'
    return { verb, plural, namespace, name, query }
  }
  return undefined
}

export class NamedCollection {
  readonly objects: NamedObjects
  /** Watches get nothing, as while etcd hangs. */
  silent = false
  readonly #kind: NamedKind
  readonly #revisions: Pick<KubeObjects, 'revision'>
  readonly #watches = new Set<OpenWatch>()

  constructor (kind: NamedKind, revisions: Pick<KubeObjects, 'revision'>) {
    this.#kind = kind
    this.#revisions = revisions
    this.objects = new NamedObjects(kind, revisions, event => { this.#publish(event) })
  }

  /** @param lost the work is done, and the answer never comes */
  async serve (asked: NamedRequest, request: IncomingMessage, response: ServerResponse, lost: boolean): Promise<void> {
    const { verb, namespace, name, query } = asked
    const wants = selectorOf(namespace, query)
    if (verb === 'watch') return this.#watch(response, wants, Number(query.get('resourceVersion') ?? 0))
    const { kind, apiVersion, resource } = this.#kind
    if (verb === 'list') return sendJson(response, 200, { kind: `${kind}List`, apiVersion, metadata: { resourceVersion: String(this.#revisions.revision) }, items: this.objects.list(namespace).filter(wants) })
    if (verb === 'get') {
      const found = this.objects.get(namespace, name ?? '')
      if (found === undefined) sendStatus(response, 404, { reason: 'NotFound', message: `${resource} "${name ?? ''}" not found` })
      else sendJson(response, 200, this.#shown(found))
      return
    }
    const body = await readJson(request)
    const written = verb === 'create' ? this.objects.create(namespace, body) : this.objects.replace(namespace, name ?? '', body)
    if (lost) request.socket.destroy()
    else if ('object' in written) sendJson(response, written.created ? 201 : 200, this.#shown(written.object))
    else sendStatus(response, written.status, written)
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
    for (const event of this.objects.eventsAfter(after)) this.#sendEvent(watch, event)
  }

  #publish (event: NamedEvent): void {
    if (this.silent) return
    for (const watch of this.#watches) this.#sendEvent(watch, event)
  }

  #sendEvent ({ response, wants }: OpenWatch, { type, object }: NamedEvent): void {
    if (wants(object)) response.write(`${JSON.stringify({ type, object: this.#shown(object) })}\n`)
  }

  #shown (object: NamedObject): unknown {
    return { kind: this.#kind.kind, apiVersion: this.#kind.apiVersion, ...object }
  }
}

function selectorOf (namespace: string, query: URLSearchParams): (object: NamedObject) => boolean {
  const name = /^metadata\.name=(.+)$/.exec(query.get('fieldSelector') ?? '')?.[1]
  return ({ metadata }) => metadata.namespace === namespace && (name === undefined || metadata.name === name)
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
