/**
 * What the API server double keeps besides EndpointSlices: objects that are read and written by name (ConfigMaps), with the rules that the
 * real server has for writes: a resourceVersion that is not the stored one is a conflict, a write that changes nothing makes no event.
 */
import { randomUUID } from 'node:crypto'
import type { KubeObjects } from './kube-api-server-objects.ts'

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
}

/** What is written: the server adds the rest. */
export interface GivenObject extends Pick<NamedObject, 'data'> {
  readonly metadata: Partial<NamedMetadata> & Pick<NamedMetadata, 'name'>
}

export interface NamedEvent {
  readonly revision: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: NamedObject
}

/** What a write is answered with: the object, or the status of a refusal. */
export type Written = { readonly object: NamedObject, readonly created: boolean } | { readonly status: number, readonly reason: string, readonly message: string }

const MAX_DATA_BYTES = 1_048_576

export class NamedObjects {
  readonly #revisions: Pick<KubeObjects, 'revision'>
  readonly #tell: (event: NamedEvent) => void
  readonly #objects = new Map<string, NamedObject>()
  readonly #events: NamedEvent[] = []

  /** @param revisions has etcd's revision, which all types share */
  constructor (revisions: Pick<KubeObjects, 'revision'>, tell: (event: NamedEvent) => void) {
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
    if (this.get(namespace, name) !== undefined) return { status: 409, reason: 'AlreadyExists', message: `configmaps "${name}" already exists` }
    return this.#commit('ADDED', { ...given, metadata: { ...given.metadata, namespace, uid: randomUUID(), resourceVersion: '' } })
  }

  /** PUT. */
  replace (namespace: string, name: string, given: GivenObject): Written {
    const known = this.get(namespace, name)
    if (known === undefined) return { status: 404, reason: 'NotFound', message: `configmaps "${name}" not found` }
    const { uid, resourceVersion } = given.metadata
    if (uid !== undefined && uid !== known.metadata.uid) return conflict(name, 'the UID in the precondition does not match')
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion) {
      return conflict(name, 'the object has been modified; please apply your changes to the latest version and try again')
    }
    const next = { ...given, metadata: { ...given.metadata, name, namespace, uid: known.metadata.uid, resourceVersion: known.metadata.resourceVersion } }
    if (JSON.stringify(next.data) === JSON.stringify(known.data) && JSON.stringify(next.metadata) === JSON.stringify(known.metadata)) return { object: known, created: false }
    return this.#commit('MODIFIED', next)
  }

  /** What somebody with kubectl does: changes the data, without asking for a version. */
  edit (namespace: string, name: string, change: (data: Readonly<Record<string, string>>) => Readonly<Record<string, string>>): void {
    const known = this.get(namespace, name)
    if (known === undefined) throw new Error(`there is no ${namespace}/${name}`)
    this.#commit('MODIFIED', { ...known, data: change(known.data ?? {}) })
  }

  delete (namespace: string, name: string): void {
    const known = this.get(namespace, name)
    if (known === undefined) throw new Error(`there is no ${namespace}/${name}`)
    this.#commit('DELETED', known)
  }

  #commit (type: NamedEvent['type'], content: NamedObject): Written {
    const bytes = Object.entries(content.data ?? {}).reduce((sum, [key, text]) => sum + key.length + Buffer.byteLength(text), 0)
    if (bytes > MAX_DATA_BYTES) return { status: 422, reason: 'Invalid', message: `ConfigMap "${content.metadata.name}" is invalid: []: Too long: may not be more than ${MAX_DATA_BYTES} bytes` }
    this.#revisions.revision += 1
    const object = { ...content, metadata: { ...content.metadata, resourceVersion: String(this.#revisions.revision) } }
    const event = { revision: this.#revisions.revision, type, object }
    const key = `${object.metadata.namespace}/${object.metadata.name}`
    if (type === 'DELETED') this.#objects.delete(key)
    else this.#objects.set(key, object)
    this.#events.push(event)
    this.#tell(event)
    return { object, created: type === 'ADDED' }
  }
}

function conflict (name: string, why: string): Written {
  return { status: 409, reason: 'Conflict', message: `Operation cannot be fulfilled on configmaps "${name}": ${why}` }
}
