/**
 * A ConfigMap (https://kubernetes.io/docs/concepts/configuration/configmap/) as it is read, whoever has written it, and as it is written
 * again; and what the refusal of a write means.
 */
import { asObject, type UntrustedObject } from '../core/untrusted.ts'
import type { KubeError } from '../kube/kube-api.ts'
import { readStoredObject, type StoredObject, writtenMetadata } from '../kube/stored-object.ts'
import { StoreError } from './state-store.ts'

export interface StoredConfigMap extends StoredObject {
  readonly data: UntrustedObject
  /** Undefined: it has none. */
  readonly binaryData: UntrustedObject | undefined
  /** What it says of `immutable`. */
  readonly immutable: unknown
}

export const NOT_FOUND = 404
export const CONFLICT = 409
export const TOO_MANY_REQUESTS = 429
const TOO_LARGE = 413
/** Something is wrong with the object itself: an immutable one, or a size that the server refuses. */
const UNPROCESSABLE = 422
const SIZE = /\bmore than\b|\btoo (?:large|long|many)\b/i
const SERVICE_UNAVAILABLE = 503

export function readConfigMap (object: unknown): StoredConfigMap {
  const whole = asObject(object)
  return {
    ...readStoredObject(object),
    data: asObject(whole?.['data']) ?? {},
    binaryData: asObject(whole?.['binaryData']),
    immutable: whole?.['immutable']
  }
}

/** Where in an object something is kept. */
export type ConfigMapSection = 'data' | 'binaryData'

/** What a write makes of a ConfigMap. */
export interface ConfigMapWrite {
  readonly name: string
  /** Undefined: there is none. */
  readonly over: StoredConfigMap | undefined
  readonly data: UntrustedObject
  /** Where the data goes. */
  readonly section: ConfigMapSection
  /** Keys that the write replaces; all others stay. */
  readonly owns: (key: string) => boolean
}

export function configMapObject ({ name, over, data: own, section, owns }: ConfigMapWrite): UntrustedObject {
  // A key may be in one of the two only.
  const data = { ...foreignIn(over?.data, owns), ...(section === 'data' ? own : {}) }
  const binaryData = { ...foreignIn(over?.binaryData, owns), ...(section === 'binaryData' ? own : {}) }
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: writtenMetadata(name, over),
    data,
    ...(Object.keys(binaryData).length === 0 ? {} : { binaryData }),
    ...(over?.immutable === undefined ? {} : { immutable: over.immutable })
  }
}

function foreignIn (data: UntrustedObject | undefined, owns: (key: string) => boolean): UntrustedObject {
  return Object.fromEntries(Object.entries(data ?? {}).filter(([key]) => !owns(key)))
}

/** A resourceVersion alone is not enough: an etcd that was restored from a backup gives it out again. */
export function isSameConfigMap (left: StoredConfigMap | undefined, right: StoredConfigMap | undefined): boolean {
  if (left === undefined || right === undefined) return left === right
  return isSameVersion(left, right) && hasSameData(left.data, right.data) && hasSameData(left.binaryData ?? {}, right.binaryData ?? {})
}

export function isSameVersion (left: StoredObject | undefined, right: StoredObject | undefined): boolean {
  return left?.uid === right?.uid && left?.resourceVersion === right?.resourceVersion
}

function hasSameData (left: UntrustedObject, right: UntrustedObject): boolean {
  return Object.keys(left).length === Object.keys(right).length && Object.entries(left).every(([key, text]) => right[key] === text)
}

/** Will the same write be refused again? */
function isRefusal ({ status }: KubeError): boolean {
  return status !== undefined && status < 500 && ![CONFLICT, NOT_FOUND, TOO_MANY_REQUESTS].includes(status)
}

/**
 * The error of a write that the server certainly has not made; undefined when that is not certain. What is no Status may be said by a proxy
 * before the API server, of a request that has arrived.
 */
export function unmade (error: KubeError, name: string): StoreError | undefined {
  if (isRefusal(error)) return refusalOf(error, name)
  return error.status === SERVICE_UNAVAILABLE && error.isStatus ? failedWrite('unavailable', error, name) : undefined
}

/** The server does not write this. */
export function refusalOf (error: KubeError, name: string): StoreError {
  const isTooLarge = error.status === TOO_LARGE || (error.status === UNPROCESSABLE && SIZE.test(error.message))
  return isTooLarge
    ? failedWrite('too-large', error, name)
    : unwritten('not-permitted', error, { name, advice: `Weir may not write ${name}: ${error.message}; nothing was changed` })
}

/** A write of which is known that it was not made. */
export function failedWrite (code: 'too-large' | 'unavailable', error: KubeError, name: string): StoreError {
  return unwritten(code, error, { name, advice: `${name} can't be written: ${error.message}; nothing was changed` })
}

/** A write of which is not known whether it was made. */
export function unknownWrite (error: KubeError, name: string): StoreError {
  return unwritten('unavailable', error, { name })
}

function unwritten (code: StoreError['code'], error: KubeError, more: { readonly name: string, readonly advice?: string }): StoreError {
  const { name, ...options } = more
  return new StoreError(code, `${name} can't be written: ${error.message}`, { cause: error, ...options })
}

/** Only a change shows that this is over: an etcd without space still answers a write that changes nothing. */
export function isOutOfSpace (error: KubeError): boolean {
  return error.message.includes('database space exceeded')
}
