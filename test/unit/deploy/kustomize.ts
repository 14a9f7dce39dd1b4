/**
 * The part of kustomize that deploy/ uses, so that the tests see the objects of an overlay on every machine. Where kubectl is installed, a test
 * holds it to `kubectl kustomize`. What it does not know it refuses.
 */
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { at, DEPLOY, listAt, readManifests, readYaml } from './manifests.ts'

type Mapping = Record<string, unknown>

const KNOWN = ['apiVersion', 'kind', 'namespace', 'labels', 'resources', 'components', 'patches', 'configMapGenerator', 'generatorOptions']
/** By which field the items of a list are told from each other (the patchMergeKey of Kubernetes' types); other lists are replaced. */
const MERGE_KEYS: ReadonlyMap<string, string> = new Map([
  ['containers', 'name'], ['initContainers', 'name'], ['volumes', 'name'], ['env', 'name'], ['volumeMounts', 'mountPath'], ['ports', 'containerPort']
])
const CLUSTER_WIDE = ['Namespace', 'ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition']

const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value)
const mappingAt = (value: unknown, keys: string): Mapping => {
  const found = at(value, keys)
  return isMapping(found) ? found : {}
}

/** Puts a value at a path of mappings, which are made where they are missing. */
function put (object: Mapping, keys: readonly string[], value: unknown): void {
  const [first = '', ...rest] = keys
  if (rest.length === 0) object[first] = value
  else {
    const inner = isMapping(object[first]) ? object[first] : {}
    object[first] = inner
    put(inner, rest, value)
  }
}

/** All objects that a folder of deploy/ stands for. Generated names carry no hash. */
export function buildOverlay (folder: string): unknown[] {
  return build(folder, [])
}

function build (folder: string, before: readonly Mapping[]): Mapping[] {
  const [kustomization] = readManifests(`${folder}/kustomization.yaml`)
  for (const key of Object.keys(Object(kustomization))) if (!KNOWN.includes(key)) throw new Error(`${folder}: ${key} is not known here`)
  const inside = (name: unknown): string => path.posix.join(folder, String(name))
  const isFolder = (name: string): boolean => statSync(path.join(DEPLOY, name)).isDirectory()
  let objects: Mapping[] = [...before, ...listAt(kustomization, 'resources').map(inside)
    .flatMap(name => isFolder(name) ? build(name, []) : readManifests(name).filter(isMapping))]
  for (const generator of listAt(kustomization, 'configMapGenerator')) objects = generate(objects, generator, folder)
  for (const component of listAt(kustomization, 'components').map(inside)) objects = build(component, objects)
  for (const patch of listAt(kustomization, 'patches')) applyPatch(objects, patch, folder)
  for (const label of listAt(kustomization, 'labels')) for (const object of objects) addLabels(object, label)
  const namespace = at(kustomization, 'namespace')
  if (typeof namespace === 'string') for (const object of objects) setNamespace(object, namespace, objects)
  return objects
}

function generate (objects: readonly Mapping[], generator: unknown, folder: string): Mapping[] {
  const name = String(at(generator, 'name'))
  const data = Object.fromEntries(listAt(generator, 'files').map(file => [String(file), readFileSync(path.join(DEPLOY, folder, String(file)), 'utf8')]))
  if (at(generator, 'behavior') === undefined) return [...objects, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data }]
  if (at(generator, 'behavior') !== 'replace') throw new Error(`${folder}: behavior ${String(at(generator, 'behavior'))} is not known here`)
  const old = objects.find(object => object['kind'] === 'ConfigMap' && at(object, 'metadata.name') === name)
  if (old === undefined) throw new Error(`${folder}: there is no ConfigMap ${name} to replace`)
  old['data'] = data
  return [...objects]
}

function applyPatch (objects: readonly Mapping[], patch: unknown, folder: string): void {
  const inline = at(patch, 'patch')
  const content: unknown = typeof inline === 'string' ? parse(inline, { version: '1.1' }) : readYaml(path.posix.join(folder, String(at(patch, 'path'))))
  const target = at(patch, 'target') ?? { kind: at(content, 'kind'), name: at(content, 'metadata.name') }
  const chosen = objects.filter(object => isTarget(object, target))
  if (chosen.length === 0) throw new Error(`${folder}: a patch finds nothing to change`)
  for (const object of chosen) {
    if (Array.isArray(content)) for (const step of content) applyStep(object, step)
    else if (isMapping(content)) merge(object, { ...content, metadata: object['metadata'] })
  }
}

function isTarget (object: Mapping, target: unknown): boolean {
  const [key = '', value] = String(at(target, 'labelSelector') ?? '').split('=')
  return object['kind'] === at(target, 'kind') && (at(target, 'name') === undefined || at(object, 'metadata.name') === at(target, 'name')) &&
    (value === undefined || mappingAt(object, 'metadata.labels')[key] === value)
}

/** One step of RFC 6902: `add` and `remove`, with numbers and `-` for lists. */
function applyStep (object: Mapping, step: unknown): void {
  const keys = String(at(step, 'path')).split('/').slice(1).map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = keys.pop() ?? ''
  const parent = keys.reduce<unknown>((inner, key) => Array.isArray(inner) ? inner[Number(key)] : isMapping(inner) ? inner[key] : undefined, object)
  const op = at(step, 'op')
  if (Array.isArray(parent) && op === 'add') parent.splice(last === '-' ? parent.length : Number(last), 0, at(step, 'value'))
  else if (Array.isArray(parent) && op === 'remove') parent.splice(Number(last), 1)
  else if (isMapping(parent) && op === 'add') parent[last] = at(step, 'value')
  else if (isMapping(parent) && op === 'remove') delete parent[last]
  else throw new Error(`${String(op)} ${String(at(step, 'path'))} is not known here`)
}

/** A strategic merge: mappings field by field, lists with a merge key item by item, everything else is replaced. */
function merge (into: Mapping, patch: Mapping): void {
  for (const [key, value] of Object.entries(patch)) {
    const old = into[key]
    const mergeKey = MERGE_KEYS.get(key)
    if (value === null) delete into[key]
    else if (isMapping(value) && isMapping(old)) merge(old, value)
    else if (Array.isArray(value) && mergeKey !== undefined) into[key] = mergeLists(Array.isArray(old) ? old : [], value, mergeKey)
    else into[key] = value
  }
}

function mergeLists (old: readonly unknown[], patch: readonly unknown[], declared: string): unknown[] {
  // Ports of a Service are told apart by their number.
  const key = patch.some(item => at(item, 'port') !== undefined) ? 'port' : declared
  const items = old.filter(isMapping)
  const added: unknown[] = []
  for (const item of patch.filter(isMapping)) {
    const index = items.findIndex(each => each[key] === item[key])
    const known = items[index]
    if (item['$patch'] === 'delete') items.splice(index, index < 0 ? 0 : 1)
    else if (known === undefined) added.push(item)
    else merge(known, item)
  }
  return [...added, ...items]
}

function addLabels (object: Mapping, label: unknown): void {
  const pairs = mappingAt(label, 'pairs')
  const add = (keys: string): void => { put(object, keys.split('.'), { ...mappingAt(object, keys), ...pairs }) }
  add('metadata.labels')
  const kind = String(object['kind'])
  if (at(label, 'includeSelectors') === true) {
    if (kind === 'Deployment') add('spec.selector.matchLabels')
    if (kind === 'Service') add('spec.selector')
    if (kind === 'NetworkPolicy') add('spec.podSelector.matchLabels')
  }
  if (kind === 'Deployment' && (at(label, 'includeTemplates') === true || at(label, 'includeSelectors') === true)) add('spec.template.metadata.labels')
}

function setNamespace (object: Mapping, namespace: string, objects: readonly Mapping[]): void {
  if (CLUSTER_WIDE.includes(String(object['kind']))) {
    if (object['kind'] === 'Namespace') put(object, ['metadata', 'name'], namespace)
    return
  }
  put(object, ['metadata', 'namespace'], namespace)
  for (const subject of listAt(object, 'subjects').filter(isMapping)) {
    if (objects.some(each => each['kind'] === subject['kind'] && at(each, 'metadata.name') === subject['name'])) subject['namespace'] = namespace
  }
}
