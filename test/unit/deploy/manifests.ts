/**
 * Reading Kubernetes manifests in tests: plain data, walked by path.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'

export const DEPLOY = path.resolve(import.meta.dirname, '../../../deploy')

/** Reads all objects of a file of deploy/; a fault of the YAML, duplicate keys included, throws. */
export function readManifests (file: string): unknown[] {
  const documents = parseAllDocuments(readFileSync(path.join(DEPLOY, file), 'utf8'), { strict: true, uniqueKeys: true })
  if ('empty' in documents) return []
  return documents.map(document => {
    const fault = document.errors[0] ?? document.warnings[0]
    if (fault !== undefined) throw new Error(`${file}: ${fault.message}`)
    return document.toJS()
  })
}

/** The value at a path such as `spec.containers.0.image`; undefined where there is none. */
export function at (value: unknown, keys: string): unknown {
  return keys.split('.').reduce<unknown>((inner, key) => {
    return typeof inner === 'object' && inner !== null ? new Map<string, unknown>(Object.entries(inner)).get(key) : undefined
  }, value)
}

/** The list at a path; empty where there is none. */
export function listAt (value: unknown, keys: string): unknown[] {
  const found = at(value, keys)
  return Array.isArray(found) ? found : []
}

/** The one object of a kind and name. */
export function findObject (objects: readonly unknown[], kind: string, name: string): unknown {
  const found = objects.filter(object => at(object, 'kind') === kind && at(object, 'metadata.name') === name)
  if (found.length !== 1) throw new Error(`there are ${found.length} of ${kind} ${name}`)
  return found[0]
}
