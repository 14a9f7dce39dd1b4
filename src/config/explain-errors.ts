/**
 * Keys that people bring along from other tools. Weir knows none of them, and says what to do instead.
 */
import type { ErrorObject } from 'ajv'
import { formatPath, isMapping, valueAt, type ConfigPath } from './finding.ts'
import { describeAllowed, type OptionPlaces, type SchemaNode } from './options.ts'
import { nearestName } from '../core/nearest-name.ts'

/** What to tell a person who wrote a key that is no option; undefined for an ordinary one, which is a mistyped name. */
function explainOddKey (key: string): string | undefined {
  if (key === '<<') {
    return 'is a merge key, which YAML 1.2 no longer has: write the options out, or share one whole value with an anchor and an alias (`health: &h {…}`, then `health: *h`)'
  }
  if (key === '$schema') return 'is no option: editors read the schema from a comment, `# yaml-language-server: $schema=./weir.schema.json`'
  if (/^x-/i.test(key)) return 'is no option, and there are no `x-` extensions: put the anchor where the value is used first'
  return undefined
}

/** Text such as `${PORT}`, `$(PORT)` or `$PORT`: somebody expects that a variable is filled in. */
const VARIABLE = /\$(\{[A-Za-z_][^}]*\}|\([A-Za-z_]\w*\)|[A-Z_][A-Z0-9_]*$)/

/** Ends a message about a value in which a variable should have been filled in; empty for any other value. */
export function variableHint (value: unknown): string {
  if (typeof value !== 'string' || !VARIABLE.test(value)) return ''
  return '. Variables are not filled in in the file: give the option by its WEIR_… variable or flag, or run the file through `envsubst` first'
}

/** `${NAME}` where any text is allowed: it would be taken as it stands. */
export function holdsVariable (text: string): boolean {
  return /\$\{[A-Za-z_]\w*\}/.test(text)
}

/** One thing that the schema does not allow. */
export interface SchemaFault {
  readonly path: ConfigPath
  readonly message: string
  /** The fault is about the key, not about its value. */
  readonly aboutKey: boolean
  /** Follows from another fault, which is told instead. */
  readonly implied?: true
}

type Errors = readonly ErrorObject[]

/** The errors of all branches of a union that no branch accepts. */
interface UnionGroup {
  readonly union: ErrorObject
  readonly members: ErrorObject[]
}

/** What was validated, and with what. */
interface Validated {
  readonly schema: SchemaNode
  /** Of that schema. */
  readonly places: OptionPlaces
  readonly value: unknown
}

/** Turns what ajv reports (with `allErrors`) into one fault for each thing that is wrong. */
export function explainErrors (errors: Errors, validated: Validated): readonly SchemaFault[] {
  const groups = new Map<string, UnionGroup>()
  for (const error of errors) {
    if (error.keyword === 'anyOf') groups.set(`${error.schemaPath} ${error.instancePath}`, { union: error, members: [] })
  }
  const outermost: ErrorObject[] = []
  for (const error of errors) {
    const group = groups.size === 0 ? undefined : outermostUnion(error, groups)
    if (group === undefined) outermost.push(error)
    else group.members.push(error)
  }
  const faults = new Map<string, SchemaFault>()
  for (const error of outermost) {
    const group = groups.get(`${error.schemaPath} ${error.instancePath}`)
    for (const fault of group === undefined ? [explainError(error, validated)] : explainUnion(group, validated)) {
      faults.set(`${formatPath(fault.path)} ${fault.message}`, fault)
    }
  }
  return [...faults.values()]
}

/** The union that an error is in: its schema path leads through the union's, its instance path is the same or deeper. */
function outermostUnion (error: ErrorObject, groups: ReadonlyMap<string, UnionGroup>): UnionGroup | undefined {
  for (let at = error.schemaPath.indexOf('/anyOf/'); at !== -1; at = error.schemaPath.indexOf('/anyOf/', at + 1)) {
    const schemaPath = error.schemaPath.slice(0, at + '/anyOf'.length)
    let instancePath = error.instancePath
    for (;;) {
      const group = groups.get(`${schemaPath} ${instancePath}`)
      if (group !== undefined) return group
      if (instancePath === '') break
      instancePath = instancePath.slice(0, instancePath.lastIndexOf('/'))
    }
  }
  return undefined
}

function explainUnion ({ union, members }: UnionGroup, validated: Validated): readonly SchemaFault[] {
  const schema = schemaOf(union, validated.schema)
  const branches = schema.anyOf ?? []
  const path = toPath(union.instancePath, validated.value)
  const value = valueAt(validated.value, path)
  const kind = Array.isArray(value) ? 'array' : isMapping(value) ? 'object' : ''
  const alike = branches.flatMap(({ type }, index) => type === kind ? [index] : [])
  if (alike.length === 1 && branches.length > 1) return explainErrors(members.filter(inBranch(union, alike[0])), validated)
  if (!isMapping(value) || !branches.every(branch => branch.type === 'object')) {
    return [{ path, message: `must be ${describeAllowed(schema)}${hint(value, schema)}`, aboutKey: false }]
  }
  const meant = branches.map((_, index) => index).filter(index => Object.hasOwn(value, leadingKey(branches[index])))
  if (meant.length > 1) {
    return [{ path, message: `has ${quoted(meant.map(index => leadingKey(branches[index])), ' and ')}; use one of them`, aboutKey: false }]
  }
  const chosen = meant[0] ?? branches.findIndex(branch => {
    const known = Object.keys(branch.properties ?? {})
    return Object.keys(value).some(key => known.includes(key) || nearestName(key, known) !== undefined)
  })
  const odd = chosen === -1 ? Object.keys(value).filter(key => explainOddKey(key) !== undefined) : []
  if (odd.length > 0) return odd.map(key => unknownKey(path, key, {}, validated.places))
  if (chosen === -1) return [{ path, message: `must be ${describeAllowed(schema)}`, aboutKey: false }]
  return explainErrors(members.filter(inBranch(union, chosen)), validated)
}

function inBranch (union: ErrorObject, index = 0): (error: ErrorObject) => boolean {
  return ({ schemaPath }) => schemaPath.startsWith(`${union.schemaPath}/${index}/`)
}

/** The key by which a branch of a union is known. */
function leadingKey (branch: SchemaNode | undefined): string {
  return branch?.required?.[0] ?? ''
}

function explainError (error: ErrorObject, validated: Validated): SchemaFault {
  const schema = schemaOf(error, validated.schema)
  const path = toPath(error.instancePath, validated.value)
  switch (error.keyword) {
    case 'additionalProperties': {
      return unknownKey(path, String(error.params['additionalProperty']), schema, validated.places)
    }
    case 'required': {
      const key = String(error.params['missingProperty'])
      const missing = schema.properties?.[key] ?? {}
      const fault = { path: [...path, key], message: `is missing; write ${describeAllowed(missing)}. ${missing.description ?? ''}`.trimEnd(), aboutKey: true }
      return hasMergeKey(valueAt(validated.value, path)) ? { ...fault, implied: true } : fault
    }
    case 'minItems': return { path, message: `must have at least ${countEntries(schema.minItems)}`, aboutKey: false }
    case 'maxItems': return { path, message: `must have at most ${countEntries(schema.maxItems)}`, aboutKey: false }
    case 'minProperties': return { path, message: explainTooFew(schema), aboutKey: false }
    case 'maxProperties': return { path, message: explainTooMany(schema, valueAt(validated.value, path)), aboutKey: false }
    default: return { path, message: `must be ${describeAllowed(schema)}${hint(valueAt(validated.value, path), schema)}`, aboutKey: false }
  }
}

/** The part of the schema that an error comes from. Its schema path is a URI fragment that ends with the keyword. */
function schemaOf (error: ErrorObject, root: SchemaNode): SchemaNode {
  let node: unknown = root
  for (const step of decodeURIComponent(error.schemaPath).split('/').slice(1, -1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    node = valueAt(node, [Array.isArray(node) ? Number(key) : key])
  }
  // What the schema's own path leads to is a schema.
  return (isMapping(node) ? node : {}) as SchemaNode
}

function unknownKey (path: ConfigPath, key: string, schema: SchemaNode, places: OptionPlaces): SchemaFault {
  const at = [...path, key]
  const message = explainOddKey(key) ?? `is not a known option${suggestKey(at, Object.keys(schema.properties ?? {}), places)}`
  return { path: at, message, aboutKey: true }
}

/** What is missing where a merge key stands was meant to be merged in: the key itself is the fault. */
function hasMergeKey (value: unknown): boolean {
  return isMapping(value) && Object.hasOwn(value, '<<')
}

/** An option that has more places than these is known by its neighbours better than by its name. */
const MAX_PLACES = 2

function suggestKey (at: ConfigPath, known: readonly string[], options: OptionPlaces): string {
  const key = String(at.at(-1))
  const nearest = nearestName(key, known)
  if (nearest !== undefined) return `. Did you mean \`${nearest}\`?`
  // Where it stands it may be allowed with other options than those that are there.
  const here = formatPath(at).replaceAll(/\[\d+\]/g, '[]')
  const places = options.of(key).filter(place => place !== here)
  const isTold = places.length > 0 && places.length <= MAX_PLACES
  const elsewhere = isTold ? ` here; there is ${quoted(places, ' and ')}` : ''
  return `${elsewhere}. Known here: ${quoted(known)}`
}

function explainTooFew ({ minProperties, maxProperties, properties = {} }: SchemaNode): string {
  const names = Object.keys(properties)
  if (minProperties !== 1 || names.length === 0) return `must have at least ${countEntries(minProperties)}`
  return `says nothing; it needs ${maxProperties === 1 ? '' : 'at least '}one of ${quoted(names)}`
}

/** Options that exclude each other are those of which one is allowed besides what is required. */
function explainTooMany ({ maxProperties = 0, properties = {}, required = [] }: SchemaNode, value: unknown): string {
  const rivals = Object.keys(isMapping(value) ? value : {}).filter(key => Object.hasOwn(properties, key) && !required.includes(key))
  if (maxProperties - required.length !== 1 || rivals.length < 2) return `must have at most ${countEntries(maxProperties)}`
  return `has ${quoted(rivals, ' and ')}; use one of them`
}

function quoted (names: readonly string[], between = ', '): string {
  return names.map(name => `\`${name}\``).join(between)
}

function countEntries (count = 0): string {
  return count === 1 ? '1 entry' : `${count} entries`
}

/** What is written where a plain value stands in place of a mapping or a list. */
function shapeHint (value: unknown, { type, properties, items }: SchemaNode): string {
  const kind: string = typeof value
  if (type === 'object' && properties !== undefined) return ` (known here: ${quoted(Object.keys(properties))})`
  return type === 'array' && items?.type === kind ? ` (a list of one is written [${JSON.stringify(value)}])` : ''
}

/** What probably happened, where a value of the wrong kind shows it. */
function hint (value: unknown, schema: SchemaNode): string {
  if (value === null) return ' (nothing follows the colon: write a value, or remove the line)'
  const choices = schema.anyOf ?? [schema]
  const shape = typeof value === 'object' ? '' : shapeHint(value, schema)
  if (shape !== '') return shape
  const takesNumber = choices.some(({ type }) => type === 'integer' || type === 'number')
  if (typeof value === 'string') {
    const isNumber = /^-?[0-9]+(\.[0-9]+)?$/.test(value)
    if (isNumber && takesNumber && !choices.some(({ type, pattern }) => type === 'string' && pattern !== undefined)) {
      return ' (a number, without quotes)'
    }
    const nearest = nearestName(value, choices.flatMap(choice => typeof choice.const === 'string' ? [choice.const] : []))
    return nearest === undefined ? '' : `. Did you mean \`${nearest}\`?`
  }
  // A mapping may have a `toString` of its own, so only plain values become text.
  const isPlain = (typeof value === 'number' && !takesNumber) || typeof value === 'boolean'
  const fitsAsText = isPlain && choices.some(({ type, pattern, const: only }) => only === undefined
    ? type === 'string' && (pattern === undefined || new RegExp(pattern).test(String(value)))
    : only === String(value))
  return fitsAsText ? ' (put it in quotes)' : ''
}

/** Reads ajv's instance path, a JSON pointer (RFC 6901); steps through lists become numbers. */
function toPath (pointer: string, root: unknown): ConfigPath {
  const path: (string | number)[] = []
  let value = root
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(value) ? Number(key) : key)
    value = valueAt(value, path.slice(-1))
  }
  return path
}
