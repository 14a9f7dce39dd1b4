/**
 * Reading Kubernetes manifests in tests: plain data, walked by path.
 */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse, parseAllDocuments } from 'yaml'

export const DEPLOY = path.resolve(import.meta.dirname, '../../../deploy')

/** What `kubectl apply -k` is for: every folder that stands for whole objects. */
export const OVERLAYS: readonly string[] = [
  'base', ...globSync('overlays/*/', { cwd: DEPLOY }).map(name => name.replaceAll(path.sep, '/')).toSorted(), 'examples/hello/lab/frontend',
  'examples/hello/lab/frontend-by-track'
]

/** kubectl and Helm read YAML 1.1: 0440 is a number in octal, and `yes` is true. */
const AS_KUBECTL = { version: '1.1', strict: true, uniqueKeys: true, merge: false } as const

/** Reads all objects of a file of deploy/; a fault of the YAML, duplicate keys included, throws. */
export function readManifests (file: string): unknown[] {
  return parseManifests(readFileSync(path.join(DEPLOY, file), 'utf8'), file)
}

/** All objects of a text; documents without content, as Helm leaves them, are passed over. */
export function parseManifests (text: string, source: string): unknown[] {
  const documents = parseAllDocuments(text, AS_KUBECTL)
  if ('empty' in documents) return []
  return documents.map((document): unknown => {
    const fault = document.errors[0] ?? document.warnings[0]
    if (fault !== undefined) throw new Error(`${source}: ${fault.message}`)
    return document.toJS()
  }).filter(object => object !== null)
}

/** What a file of deploy/ holds that is no object: a list of patches, values. */
export function readYaml (file: string): unknown {
  return parse(readFileSync(path.join(DEPLOY, file), 'utf8'), AS_KUBECTL)
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
