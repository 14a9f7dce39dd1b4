/**
 * What an API server accepts of the shape of an object: known kinds, known fields, their types, and those that have to be there.
 *
 * The types are those of Kubernetes 1.30, the oldest that the manifests are for, out of its OpenAPI document (the package kubernetes-types). A
 * field that a later version brought is unknown here, as it is there.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'

interface Member {
  readonly type: string
  readonly isOptional: boolean
}

/** The members of each interface, and what each alias stands for, of one module. */
interface Module {
  readonly interfaces: ReadonlyMap<string, ReadonlyMap<string, Member>>
  /** The module of each type that is imported. */
  readonly imports: ReadonlyMap<string, string>
}

const TYPES = path.resolve(import.meta.dirname, '../../../node_modules/kubernetes-types')
/** The names of groups in the package: without what is behind the first dot, and `core` for the group without a name. */
const moduleOf = (apiVersion: string): string => apiVersion.includes('/') ? apiVersion.replace(/^([a-z]+)[^/]*/, '$1') : `core/${apiVersion}`
/** Kubernetes' Quantity, as its documentation writes it: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const QUANTITY = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/

const isMapping = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const shown = (value: unknown): string => JSON.stringify(value) ?? 'nothing'

/** Says what is wrong with the shape of an object, each fault with its place. */
export class KubernetesSchema {
  readonly #modules = new Map<string, Module>()

  /** The faults of one object; a kind that its group does not have is one. */
  faultsOf (object: unknown): readonly string[] {
    if (!isMapping(object)) return ['is no object']
    const { apiVersion, kind } = object
    if (typeof apiVersion !== 'string' || typeof kind !== 'string') return ['has no apiVersion or no kind']
    const name = moduleOf(apiVersion)
    const members = this.#module(name)?.interfaces.get(kind)
    const isThere = members?.get('apiVersion')?.type === `"${apiVersion}"` && members.get('kind')?.type === `"${kind}"`
    return isThere ? [...this.#check(object, kind, name, kind)] : [`${apiVersion} ${kind} is not known`]
  }

  * #check (value: unknown, type: string, module: string, at: string): Generator<string> {
    const list = /^Array<(.+)>$/.exec(type)?.[1]
    if (list !== undefined) {
      if (!Array.isArray(value)) yield `${at} must be a list: ${shown(value)}`
      else for (const [index, item] of value.entries()) yield * this.#check(item, list, module, `${at}[${index}]`)
      return
    }
    const mapped = /^\{\[name: string\]: (.+)\}$/.exec(type)?.[1]
    if (mapped !== undefined) {
      if (!isMapping(value)) yield `${at} must be a mapping: ${shown(value)}`
      else for (const [key, item] of Object.entries(value)) yield * this.#check(item, mapped, module, `${at}.${key}`)
      return
    }
    const members = this.#module(module)?.interfaces.get(type)
    if (members !== undefined) return yield * this.#checkMembers(value, members, module, at)
    const from = this.#module(module)?.imports.get(type)
    if (from !== undefined && !['Quantity', 'Time', 'MicroTime'].includes(type)) return yield * this.#check(value, type, from, at)
    if (!isOf(value, type)) yield `${at} must be ${type}: ${shown(value)}`
  }

  * #checkMembers (value: unknown, members: ReadonlyMap<string, Member>, module: string, at: string): Generator<string> {
    if (!isMapping(value)) return yield `${at} must be a mapping: ${shown(value)}`
    for (const [key, item] of Object.entries(value)) {
      const member = members.get(key)
      if (member === undefined) yield `${at}.${key} is not a known field`
      else yield * this.#check(item, member.type, module, `${at}.${key}`)
    }
    for (const [key, { isOptional }] of members) if (!isOptional && !Object.hasOwn(value, key)) yield `${at}.${key} is missing`
  }

  #module (name: string): Module | undefined {
    const known = this.#modules.get(name)
    if (known !== undefined) return known
    const text = readTypes(name)
    if (text === undefined) return undefined
    const module = parseModule(text, name)
    this.#modules.set(name, module)
    return module
  }
}

function readTypes (name: string): string | undefined {
  try {
    return readFileSync(path.join(TYPES, `${name}.d.ts`), 'utf8')
  } catch {
    return undefined
  }
}

function parseModule (source: string, name: string): Module {
  const text = source.replaceAll(/\/\*\*[\s\S]*?\*\//g, '')
  const interfaces = [...text.matchAll(/export interface (\w+) \{\n([\s\S]*?)\n\}/g)].map(([, title = '', body = '']) => [
    title,
    new Map([...body.matchAll(/^ {4}"?([\w$-]+)"?(\??): (\{[^}]*\}|[^;]+);$/gm)].map(([, key = '', mark, type = '']): [string, Member] => [
      key, { type: type.replaceAll(/\s+/g, ' ').replace('{ [', '{[').replace(/; \}$/, '}'), isOptional: mark === '?' }
    ]))
  ] as const)
  const imports = [...text.matchAll(/import \{ ([^}]+) \} from "([^"]+)"/g)]
    .flatMap(([, names = '', from = '']) => names.split(', ').map(each => [each, path.posix.join(path.posix.dirname(name), from)] as const))
  return { interfaces: new Map(interfaces), imports: new Map(imports) }
}

/** Whether a value is of a plain type. Every number of the objects that are used here is a whole one. */
function isOf (value: unknown, type: string): boolean {
  if (type.includes(' | ')) return type.split(' | ').some(each => isOf(value, each))
  if (type.startsWith('"')) return value === type.slice(1, -1)
  if (type === 'Quantity') return typeof value === 'number' || (typeof value === 'string' && QUANTITY.test(value))
  if (type === 'number') return Number.isSafeInteger(value)
  return type === 'boolean' ? typeof value === 'boolean' : typeof value === 'string'
}
