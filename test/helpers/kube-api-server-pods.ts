/**
 * The Pods of the API server double: list and watch, with label selectors, and with the metadata alone for who asks for it. Labels change
 * as with `kubectl label`.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sendRefusal, sendStatus } from './kube-api-server-answers.ts'
import { commitObject, parseLabelSelector, type KubeObjects, type Selector, type StoredEvent, type StoredObject } from './kube-api-server-objects.ts'
import { WatchStream, type WatchOptions } from './kube-api-server-watch.ts'

export interface PodObject extends StoredObject {
  readonly spec: object
  readonly status: object
}

/** What a test says of a pod. */
export interface PodSpec {
  readonly name: string
  /** Default: `default`. */
  readonly namespace?: string
  /** Default: one of its own. */
  readonly uid?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** The path of the collection. */
const PATH = /^\/api\/v1\/namespaces\/([^/]+)\/pods$/

/** What the double needs of the server around it. */
interface Surroundings extends Pick<WatchOptions, 'revision' | 'silent' | 'bookmarkEveryMs'> {
  readonly objects: Pick<KubeObjects, 'revision' | 'watchFloor'>
  /** How long a consistent list hangs before its 504 while etcd hangs. */
  readonly etcdTimeoutMs: number
  readonly changed: () => void
}

/** The namespace whose Pods a request asks for; undefined when it is about something else. */
export function podsNamespace (url: URL): string | undefined {
  const [, namespace] = PATH.exec(url.pathname) ?? []
  return namespace === undefined ? undefined : decodeURIComponent(namespace)
}

export class Pods {
  readonly #surroundings: Surroundings
  readonly #objects = new Map<string, PodObject>()
  readonly #events: StoredEvent<PodObject>[] = []
  readonly #watches = new Set<WatchStream>()

  constructor (surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  get watchCount (): number { return this.#watches.size }

  /** @returns what a slice's targetRef says of it */
  create ({ name, namespace = 'default', uid = randomUUID(), labels = {} }: PodSpec): object {
    const key = `${namespace}/${name}`
    if (this.#objects.has(key)) throw new Error(`there is a pod ${key} already`)
    this.#commit('ADDED', key, {
      metadata: { name, namespace, uid, resourceVersion: '', labels },
      // As much as a real one has, which nobody reads.
      spec: { nodeName: 'n1', containers: [{ name: 'app', image: 'app:1', env: [{ name: 'TEXT', value: 'x'.repeat(2_000) }] }] },
      status: { phase: 'Running' }
    })
    return { kind: 'Pod', namespace, name, uid }
  }

  /** Labels that are undefined are taken away; the others stay. */
  label (name: string, labels: Readonly<Record<string, string | undefined>>, namespace = 'default'): void {
    const key = `${namespace}/${name}`
    const known = this.#known(key)
    const next = Object.fromEntries(Object.entries({ ...known.metadata.labels, ...labels }).flatMap(([label, value]) => value === undefined ? [] : [[label, value]]))
    this.#commit('MODIFIED', key, { ...known, metadata: { ...known.metadata, labels: next } })
  }

  /** A new status, as a pod has all day. */
  touch (name: string, namespace = 'default'): void {
    const key = `${namespace}/${name}`
    this.#commit('MODIFIED', key, { ...this.#known(key), status: { phase: 'Running', beat: randomUUID() } })
  }

  delete (name: string, namespace = 'default'): void {
    const key = `${namespace}/${name}`
    this.#commit('DELETED', key, this.#known(key))
  }

  serve (namespace: string, url: URL, request: IncomingMessage, response: ServerResponse): void {
    const query = url.searchParams
    const selects = parseLabelSelector(query.get('labelSelector') ?? '')
    const metadataOnly = /;as=PartialObjectMetadata/.test(request.headers.accept ?? '')
    const hangs = this.#surroundings.silent() && query.get('resourceVersion') !== '0'
    if (query.get('watch') === '1') this.#watch(response, { namespace, selects, query, metadataOnly })
    else if (hangs) setTimeout(() => { sendRefusal(response, 504) }, this.#surroundings.etcdTimeoutMs).unref()
    else this.#list(response, { namespace, selects, query, metadataOnly })
  }

  /** What the watches missed while they were silent. */
  catchUp (): void {
    for (const event of this.#events) for (const watch of this.#watches) watch.sendEvent(event)
  }

  endWatches (): void {
    for (const watch of this.#watches) watch.end()
  }

  #list (response: ServerResponse, { namespace, selects, query, metadataOnly }: Asked): void {
    const all = [...this.#objects.values()].filter(pod => pod.metadata.namespace === namespace && selects(pod))
      .sort((left, right) => left.metadata.name < right.metadata.name ? -1 : 1)
    const rest = all.filter(({ metadata }) => metadata.name > (query.get('continue') ?? ''))
    const limit = Number(query.get('limit') ?? 0)
    const page = limit > 0 ? rest.slice(0, limit) : rest
    const last = page.at(-1)
    const metadata = {
      resourceVersion: String(this.#surroundings.objects.revision),
      ...(page.length < rest.length && last !== undefined ? { continue: last.metadata.name } : {})
    }
    const kind = metadataOnly ? { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' } : { kind: 'PodList', apiVersion: 'v1' }
    const items = metadataOnly ? page.map(pod => ({ ...PARTIAL, metadata: pod.metadata })) : page
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...kind, metadata, items }))
  }

  #watch (response: ServerResponse, { namespace, selects, query, metadataOnly }: Asked): void {
    const { revision, silent, bookmarkEveryMs, objects, changed } = this.#surroundings
    const after = Number(query.get('resourceVersion') ?? 0)
    const timeoutSeconds = Number(query.get('timeoutSeconds') ?? 0)
    const watch = new WatchStream(response, {
      kind: metadataOnly ? PARTIAL : { kind: 'Pod', apiVersion: 'v1' },
      empty: metadataOnly ? {} : { spec: { containers: null }, status: {} },
      metadataOnly,
      namespace,
      selects,
      after,
      bookmarks: query.get('allowWatchBookmarks') === 'true',
      timeoutMs: timeoutSeconds > 0 ? timeoutSeconds * 1_000 : undefined,
      bookmarkEveryMs,
      revision,
      silent
    })
    if (after < objects.watchFloor) {
      watch.expire(objects.watchFloor)
      return
    }
    this.#watches.add(watch)
    response.once('close', () => {
      this.#watches.delete(watch)
      changed()
    })
    for (const event of this.#events) if (event.revision > after) watch.sendEvent(event)
  }

  #known (key: string): PodObject {
    const known = this.#objects.get(key)
    if (known === undefined) throw new Error(`there is no pod ${key}`)
    return known
  }

  #commit (type: StoredEvent['type'], key: string, content: PodObject): void {
    const event = commitObject(this.#surroundings.objects, this.#objects, { type, key, content })
    this.#events.push(event)
    for (const watch of this.#watches) watch.sendEvent(event)
  }
}

const PARTIAL = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' }

/** What a request asks for. */
interface Asked {
  readonly namespace: string
  readonly selects: Selector
  readonly query: URLSearchParams
  readonly metadataOnly: boolean
}

/** The refusal that a ServiceAccount without the Role gets. */
export function refusePods (response: ServerResponse, namespace: string, verb: string): void {
  sendStatus(response, 403, {
    message: `pods is forbidden: User "system:serviceaccount:${namespace}:weir" cannot ${verb} resource "pods" in API group "" in the namespace "${namespace}"`,
    reason: 'Forbidden'
  })
}
