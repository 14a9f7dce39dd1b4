/**
 * What the API server double keeps besides EndpointSlices: objects that are read and written by name (ConfigMaps, Leases), with the rules
 * that the real server has for writes: a resourceVersion that is not the stored one is a conflict, a write that changes nothing makes no event.
 */
import { randomUUID } from 'node:crypto'
import { commitObject, type KubeObjects } from './kube-api-server-objects.ts'

interface NamedMetadata {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly resourceVersion: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface NamedObject {
  readonly metadata: NamedMetadata
  readonly data?: Readonly<Record<string, string>>
  /** In Base64. */
  readonly binaryData?: Readonly<Record<string, string>>
  readonly spec?: Readonly<Record<string, unknown>>
}

/** What is written: the server adds the rest. */
export interface GivenObject extends Pick<NamedObject, 'data' | 'binaryData' | 'spec'> {
  readonly metadata: Partial<NamedMetadata> & Pick<NamedMetadata, 'name'>
}

export interface NamedEvent {
  readonly revision: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: NamedObject
}

/** What a write is answered with: the object, or the status of a refusal. */
export type Written = { readonly object: NamedObject, readonly created: boolean } | WriteRefusal

export interface WriteRefusal {
  readonly status: number
  readonly reason: string
  readonly message: string
}

/** What the rules for writes depend on. */
export interface NamedKind {
  readonly kind: string
  readonly apiVersion: string
  readonly plural: string
  /** As messages name it: `leases.coordination.k8s.io`. */
  readonly resource: string
  /** A PUT may make an object that is not there, and has to name a resourceVersion where it is (pkg/registry/coordination/lease/strategy.go). */
  readonly strictPut: boolean
  /** What is wrong with it. */
  readonly refuse: (given: GivenObject) => WriteRefusal | undefined
}

export class NamedObjects {
  readonly #kind: NamedKind
  readonly #revisions: Pick<KubeObjects, 'revision'>
  readonly #tell: (event: NamedEvent) => void
  readonly #objects = new Map<string, NamedObject>()
  #events: NamedEvent[] = []

  /** @param revisions has etcd's revision, which all types share */
  constructor (kind: NamedKind, revisions: Pick<KubeObjects, 'revision'>, tell: (event: NamedEvent) => void) {
    this.#kind = kind
    this.#revisions = revisions
    this.#tell = tell
  }

  get (namespace: string, name: string): NamedObject | undefined {
    return this.#objects.get(`${namespace}/${name}`)
  }

  list (namespace: string): readonly NamedObject[] {
    return [...this.#objects.values()].filter(({ metadata }) => metadata.namespace === namespace)
  }

  eventsAfter (revision: number): readonly NamedEvent[] {
    return this.#events.filter(event => event.revision > revision)
  }

  /** POST. */
  create (namespace: string, given: GivenObject): Written {
    const { name } = given.metadata
    if (this.get(namespace, name) !== undefined) return { status: 409, reason: 'AlreadyExists', message: `${this.#kind.resource} "${name}" already exists` }
    return this.#commit('ADDED', { ...given, metadata: { ...given.metadata, namespace, uid: randomUUID(), resourceVersion: '' } })
  }

  /** PUT. */
  replace (namespace: string, name: string, given: GivenObject): Written {
    const known = this.get(namespace, name)
    const { uid, resourceVersion } = given.metadata
    if (uid !== undefined && (known === undefined ? this.#kind.strictPut : uid !== known.metadata.uid)) {
      return this.#conflict(name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${known?.metadata.uid ?? ''}`)
    }
    if (known === undefined) return this.#kind.strictPut ? this.create(namespace, given) : this.#notFound(name)
    if (resourceVersion === undefined && this.#kind.strictPut) {
      const message = `${this.#kind.resource} "${name}" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update`
      return { status: 422, reason: 'Invalid', message }
    }
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion) {
      return this.#conflict(name, 'the object has been modified; please apply your changes to the latest version and try again')
    }
    const next = { ...given, metadata: { ...given.metadata, name, namespace, uid: known.metadata.uid, resourceVersion: known.metadata.resourceVersion } }
    if ((['data', 'binaryData', 'spec', 'metadata'] as const).every(part => JSON.stringify(next[part]) === JSON.stringify(known[part]))) return { object: known, created: false }
    return this.#commit('MODIFIED', next)
  }

  /** What somebody with kubectl does: changes the data, without asking for a version. */
  edit (namespace: string, name: string, change: (data: Readonly<Record<string, string>>) => Readonly<Record<string, string>>): void {
    const known = this.get(namespace, name)
    if (known === undefined) throw new Error(`there is no ${namespace}/${name}`)
    this.#commit('MODIFIED', { ...known, data: change(known.data ?? {}) })
  }

  /** The same with binary data. */
  editBinary (namespace: string, name: string, change: (data: Readonly<Record<string, string>>) => Readonly<Record<string, string>>): void {
    const known = this.get(namespace, name)
    if (known === undefined) throw new Error(`there is no ${namespace}/${name}`)
    this.#commit('MODIFIED', { ...known, binaryData: change(known.binaryData ?? {}) })
  }

  /** The same with a spec. */
  editSpec (namespace: string, name: string, change: (spec: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>): void {
    const known = this.get(namespace, name)
    if (known === undefined) throw new Error(`there is no ${namespace}/${name}`)
    this.#commit('MODIFIED', { ...known, spec: change(known.spec ?? {}) })
  }

  delete (namespace: string, name: string): void {
    const known = this.get(namespace, name)
    if (known === undefined) throw new Error(`there is no ${namespace}/${name}`)
    this.#commit('DELETED', known)
  }

  /** An etcd restored from a backup: everything after `revision` never was. Whose the revisions are goes back by itself. */
  restore (revision: number): void {
    this.#events = this.#events.filter(event => event.revision <= revision)
    this.#objects.clear()
    for (const { type, object } of this.#events) {
      const key = `${object.metadata.namespace}/${object.metadata.name}`
      if (type === 'DELETED') this.#objects.delete(key)
      else this.#objects.set(key, object)
    }
  }

  #commit (type: NamedEvent['type'], content: NamedObject): Written {
    const refused = type === 'DELETED' ? undefined : this.#kind.refuse(content)
    if (refused !== undefined) return refused
    const { namespace, name } = content.metadata
    const event = commitObject(this.#revisions, this.#objects, { type, key: `${namespace}/${name}`, content })
    this.#events.push(event)
    this.#tell(event)
    return { object: event.object, created: type === 'ADDED' }
  }

  #notFound (name: string): WriteRefusal {
    return { status: 404, reason: 'NotFound', message: `${this.#kind.resource} "${name}" not found` }
  }

  #conflict (name: string, why: string): WriteRefusal {
    return { status: 409, reason: 'Conflict', message: `Operation cannot be fulfilled on ${this.#kind.resource} "${name}": ${why}` }
  }
}
