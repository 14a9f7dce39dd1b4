/**
 * What the API server double keeps: EndpointSlices with etcd's one global revision, and the events that made them.
 * Written from recordings of kube-apiserver 1.32 and 1.36.
 */
import { randomUUID } from 'node:crypto'

/** What all objects that can be watched have. */
export interface StoredObject {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly uid: string
    readonly resourceVersion: string
    readonly labels: Readonly<Record<string, string>>
  }
}

export interface SliceObject extends StoredObject {
  readonly metadata: StoredObject['metadata'] & {
    readonly generation: number
    readonly creationTimestamp: string
  }
  readonly addressType: string
  /** Null when there are none, as the real server writes it. */
  readonly endpoints: readonly unknown[] | null
  readonly ports: readonly unknown[] | null
}

/** What a test says of a slice; the rest gets the defaults given here. */
export interface SliceSpec {
  readonly name: string
  /** Default: `default`. */
  readonly namespace?: string
  /** The label kubernetes.io/service-name; without it the slice belongs to no Service. */
  readonly service?: string
  /** More labels. */
  readonly labels?: Readonly<Record<string, string>>
  /** Default: `IPv4`. */
  readonly addressType?: string
  /** A text is the address of a ready endpoint; anything else goes into the slice as it is. */
  readonly endpoints?: readonly unknown[]
  /** Default: one port `http`, TCP 8080. */
  readonly ports?: readonly unknown[]
}

export interface StoredEvent<T extends StoredObject = SliceObject> {
  readonly revision: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly key: string
  /** For DELETED: the last content with the resourceVersion of the deletion. */
  readonly object: T
  readonly previous: T | undefined
}

/** A write of an object, whatever its type. */
interface StoredWrite<T> {
  readonly type: StoredEvent['type']
  readonly key: string
  readonly content: T
}

/** Makes a write at the next revision, which all types share. @returns the event of it */
export function commitObject<T extends { readonly metadata: { readonly resourceVersion: string } }> (
  revisions: { revision: number }, objects: Map<string, T>, { type, key, content }: StoredWrite<T>
) {
  revisions.revision += 1
  const { revision } = revisions
  const object = { ...content, metadata: { ...content.metadata, resourceVersion: String(revision) } }
  const event = { revision, type, key, object, previous: objects.get(key) }
  if (type === 'DELETED') objects.delete(key)
  else objects.set(key, object)
  return event
}

export type Selector = (object: StoredObject) => boolean

export class KubeObjects {
  /** etcd's revision: shared by all types, so gaps are normal. */
  revision = 100
  /** Watches from before this revision get 410: what the watch cache forgot. */
  watchFloor = 0
  /** Exact lists and continue tokens from before this revision get 410: what etcd compacted. */
  listFloor = 0
  #objects = new Map<string, SliceObject>()
  #events: StoredEvent[] = []

  create (spec: SliceSpec): StoredEvent {
    const key = keyOf(spec)
    if (this.#objects.has(key)) throw new Error(`the slice ${key} exists already`)
    return this.#commit('ADDED', key, {
      metadata: {
        name: spec.name,
        namespace: spec.namespace ?? 'default',
        uid: randomUUID(),
        resourceVersion: '',
        generation: 1,
        creationTimestamp: '2026-11-21T05:34:56Z',
        labels: labelsOf(spec)
      },
      addressType: spec.addressType ?? 'IPv4',
      ...contentOf(spec)
    })
  }

  /** @returns undefined for a change that changes nothing: it makes no event */
  patch (spec: SliceSpec): StoredEvent | undefined {
    const key = keyOf(spec)
    const known = this.#known(key)
    const { endpoints, ports } = contentOf({ ...spec, endpoints: spec.endpoints ?? [], ports: spec.ports ?? [] })
    const next: SliceObject = {
      ...known,
      endpoints: spec.endpoints === undefined ? known.endpoints : endpoints,
      ports: spec.ports === undefined ? known.ports : ports
    }
    const labels = spec.service === undefined && spec.labels === undefined ? known.metadata.labels : labelsOf(spec)
    const specChanged = !same([next.endpoints, next.ports], [known.endpoints, known.ports])
    if (!specChanged && same(labels, known.metadata.labels)) return undefined
    const generation = known.metadata.generation + (specChanged ? 1 : 0)
    return this.#commit('MODIFIED', key, { ...next, metadata: { ...known.metadata, labels, generation } })
  }

  delete (name: string, namespace = 'default'): StoredEvent {
    const key = keyOf({ name, namespace })
    return this.#commit('DELETED', key, this.#known(key))
  }

  /** The namespace's objects in the order of their names, as they are or as they were at a revision. */
  list (namespace: string | undefined, selects: Selector, revision = this.revision): readonly SliceObject[] {
    const objects = new Map<string, SliceObject>()
    for (const event of this.#events) {
      if (event.revision > revision) break
      if (event.type === 'DELETED') objects.delete(event.key)
      else objects.set(event.key, event.object)
    }
    return [...objects].sort(([left], [right]) => left < right ? -1 : 1).map(([, object]) => object)
      .filter(object => (namespace === undefined || object.metadata.namespace === namespace) && selects(object))
  }

  eventsAfter (revision: number): readonly StoredEvent[] {
    return this.#events.filter(event => event.revision > revision)
  }

  /** An etcd restored from a backup: everything after `revision` never was, and new writes reuse its revisions. */
  restore (revision: number): void {
    this.#events = this.#events.filter(event => event.revision <= revision)
    this.#objects = new Map(this.list(undefined, () => true).map(object => [keyOf(object.metadata), object]))
    this.revision = revision
  }

  #known (key: string): SliceObject {
    const known = this.#objects.get(key)
    if (known === undefined) throw new Error(`there is no slice ${key}`)
    return known
  }

  #commit (type: StoredEvent['type'], key: string, content: SliceObject): StoredEvent {
    const event = commitObject(this, this.#objects, { type, key, content })
    this.#events.push(event)
    return event
  }
}

/**
 * A label selector: `a`, `!a`, `a=b`, `a==b`, `a!=b`, `a in (b,c)`, joined by commas.
 * @throws Error for anything else
 */
export function parseLabelSelector (text: string): Selector {
  const terms = text.split(/,(?![^(]*\))/).map(term => term.trim()).filter(term => term !== '').map(parseTerm)
  return object => terms.every(term => term(object.metadata.labels))
}

function parseTerm (term: string): (labels: Readonly<Record<string, string>>) => boolean {
  const match = /^(?<not>!)?(?<key>[\w./-]+)\s*(?:(?<op>==|=|!=)\s*(?<value>[\w.-]*)|in\s*\((?<values>[^)]*)\))?$/.exec(term)
  const { not, key = '', op, value, values } = match?.groups ?? {}
  if (match === null) throw new Error(`unable to parse requirement: ${term}`)
  if (values !== undefined) return labels => values.split(',').map(entry => entry.trim()).includes(labels[key] ?? '\0')
  if (op === '!=') return labels => labels[key] !== value
  if (op !== undefined) return labels => labels[key] === value
  return labels => (labels[key] !== undefined) === (not === undefined)
}

function keyOf ({ name, namespace = 'default' }: { readonly name: string, readonly namespace?: string }): string {
  return `${namespace}/${name}`
}

function labelsOf ({ service, labels = {} }: SliceSpec): Readonly<Record<string, string>> {
  return { ...labels, ...(service === undefined ? {} : { 'kubernetes.io/service-name': service }) }
}

function contentOf ({ endpoints = [], ports = [{ name: 'http', protocol: 'TCP', port: 8080 }] }: SliceSpec): Pick<SliceObject, 'endpoints' | 'ports'> {
  const full = endpoints.map(endpoint => typeof endpoint === 'string'
    ? { addresses: [endpoint], conditions: { ready: true, serving: true, terminating: false } }
    : endpoint)
  return { endpoints: full.length === 0 ? null : full, ports: ports.length === 0 ? null : ports }
}

function same (left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right)
}
