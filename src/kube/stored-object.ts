/**
 * What every object of the Kubernetes API has that is read, changed and written again: who it is, and which version of it this is.
 */
import { asObject, asText, type UntrustedObject } from '../core/untrusted.ts'

export interface StoredObject {
  readonly uid: string
  /** Empty: what was read is no stored object. */
  readonly resourceVersion: string
  readonly metadata: UntrustedObject
}

/** What a write brings back of the metadata. The server writes the rest. */
const KEPT_METADATA = ['labels', 'annotations', 'ownerReferences', 'finalizers'] as const

export function readStoredObject (object: unknown): StoredObject {
  const metadata = asObject(asObject(object)?.['metadata']) ?? {}
  return { uid: asText(metadata['uid']) ?? '', resourceVersion: asText(metadata['resourceVersion']) ?? '', metadata }
}

/**
 * The metadata of a write. That of one that exists names its uid too: without it a server would make a Lease anew that was deleted
 * meanwhile, whatever resourceVersion was asked for.
 * @param seen what is written over; undefined for a new object
 */
export function writtenMetadata (name: string, seen: StoredObject | undefined): UntrustedObject {
  if (seen === undefined) return { name, labels: { 'app.kubernetes.io/managed-by': 'weir' } }
  const kept = Object.fromEntries(KEPT_METADATA.flatMap(key => key in seen.metadata ? [[key, seen.metadata[key]]] : []))
  return { name, ...kept, uid: seen.uid, resourceVersion: seen.resourceVersion }
}

/** Of the same object: resourceVersions are numbers of any size that grow. What is no number is taken as news. */
export function isOlder (seen: StoredObject, than: StoredObject): boolean {
  if (seen.uid !== than.uid || ![seen, than].every(({ resourceVersion }) => /^[0-9]{1,30}$/.test(resourceVersion))) return false
  return BigInt(seen.resourceVersion) < BigInt(than.resourceVersion)
}
