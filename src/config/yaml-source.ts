import { errorText } from '../core/error-text.ts'
import type * as YamlModule from 'yaml'
import type { Document, LineCounter, Node } from 'yaml'
import { beginningOf, composeYaml, faultsOfBeginning, MAX_SYNTAX_FAULTS, type SyntaxFault, type YamlOptions } from './compose-yaml.ts'
import type { ConfigFault } from './config-error.ts'
import type { ConfigPath } from './finding.ts'

type Yaml = typeof YamlModule

/** What a YAML file says, and where it says it. */
export interface YamlSource {
  readonly value: unknown
  /** `file:line:column` of the value at a path, of its key, or of the nearest thing around it that is there. */
  locate (path: ConfigPath, what: 'value' | 'key'): string
}

/** @returns what the package exports; the caller knows its type */
export type LoadForNow = (name: string) => object

export type YamlResult = { readonly source: YamlSource } | { readonly faults: readonly ConfigFault[] }

/** Ten thousand routes have 1.5 million tokens; parsing takes some 300 bytes of memory for each. */
const MAX_TOKENS = 2_500_000
const MAX_DEPTH = 64
const MAX_VALUES = 2_000_000
const MAX_ALIASES = 10_000
/** The library looks for what an alias means among all anchors and aliases before it. */
const MAX_ANCHORS = 1_000
/** `%YAML` and the like, and `...`; a configuration needs none. */
const MAX_MARKERS = 20
/** Of one value. The longest that makes sense is a path. */
const MAX_VALUE_CHARACTERS = 262_144

/** Duplicate keys are looked for below: the library compares each key with each. */
const OPTIONS: YamlOptions = { schema: 'core', resolveKnownTags: false, uniqueKeys: false, logLevel: 'error' }

/** What the library's lexer gives before the text of a scalar. */
const SCALAR_MARK = '\u001f'

/**
 * Reads a YAML 1.2 document (and so JSON). Refuses, before it costs time or memory, what only an attack or an accident
 * would write: endless nesting, millions of tokens, aliases that multiply.
 * @param fileName what positions are reported in
 */
export async function readYaml (bytes: Uint8Array, fileName: string, loadForNow: LoadForNow): Promise<YamlResult> {
  const text = decode(bytes)
  if (text === undefined) return refuse(fileName, 'is not text in UTF-8; is this the right file?')
  const yaml = loadForNow('yaml') as Yaml // its types are those of the package
  try {
    const excess = findExcess(yaml, beginningOf(text))
    if (excess !== undefined) return refuse(fileName, excess)
    const lines = new yaml.LineCounter()
    const early = faultsOfBeginning(yaml, text, OPTIONS, lines)
    if (early !== undefined) return { faults: early.map(fault => explainSyntax(fault, offset => position(fileName, lines, offset))) }
    const whole = findExcess(yaml, text)
    return whole === undefined ? parse(yaml, text, fileName) : refuse(fileName, whole)
  } catch (error) {
    return refuse(fileName, `cannot be read as YAML: ${errorText(error)}`)
  }
}

function refuse (source: string, message: string): YamlResult {
  return { faults: [{ path: '', value: null, message, source }] }
}

function decode (bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Looks at the tokens alone, in constant memory. */
function findExcess ({ Lexer }: Yaml, text: string): string | undefined {
  const depth = new DepthGauge()
  let tokens = 0
  let anchors = 0
  let aliases = 0
  let markers = 0
  let isScalar = false
  for (const token of new Lexer().lex(text)) {
    if (++tokens > MAX_TOKENS) return `has more than ${MAX_TOKENS} tokens`
    if (isTooLong(token, isScalar)) return `has a value of more than ${MAX_VALUE_CHARACTERS} characters`
    // The text of a plain or block scalar follows its mark; it may look like a bracket.
    if (isScalar) isScalar = false
    else if (token === SCALAR_MARK) isScalar = true
    else if (token.startsWith('&') && ++anchors > MAX_ANCHORS) return `has more than ${MAX_ANCHORS} anchors`
    else if (token.startsWith('*') && ++aliases > MAX_ALIASES) return `has more than ${MAX_ALIASES} aliases`
    else if ((token === '...' || token.startsWith('%')) && ++markers > MAX_MARKERS) return `has more than ${MAX_MARKERS} directives and document ends`
    else if (depth.isTooDeepAfter(token)) return `is nested deeper than ${MAX_DEPTH} levels`
  }
  return undefined
}

/** Comments and white space may be long. */
function isTooLong (token: string, isScalar: boolean): boolean {
  return token.length > MAX_VALUE_CHARACTERS && (isScalar || !/^[#\s]/.test(token))
}

/** Counts open brackets and, because `- - - -` nests too, the list marks of a line. */
class DepthGauge {
  #brackets = 0
  #marks = 0

  isTooDeepAfter (token: string): boolean {
    if (token === '[' || token === '{') this.#brackets++
    else if (token === ']' || token === '}') this.#brackets--
    else if (token === '-' || token === '?') this.#marks++
    else if (token.startsWith('\n') || token.startsWith('\r')) this.#marks = 0
    return this.#brackets > MAX_DEPTH || (this.#brackets <= 0 && this.#marks > MAX_DEPTH)
  }
}

function parse (yaml: Yaml, text: string, fileName: string): YamlResult {
  const lines = new yaml.LineCounter()
  const composed = composeYaml(yaml, text, OPTIONS, lines)
  const at = (offset: number): string => position(fileName, lines, offset)
  if ('faults' in composed) return { faults: composed.faults.map(fault => explainSyntax(fault, at)) }
  const { document } = composed
  const keys = checkKeys(yaml, document, at)
  if (keys.length > 0) return { faults: keys }
  if (document.contents === null || (yaml.isScalar(document.contents) && document.contents.value === null)) {
    return refuse(fileName, 'is empty; a configuration has at least `listeners` and `routes`')
  }
  if (!yaml.isMap(document.contents)) {
    return refuse(at(document.contents.range?.[0] ?? 0), 'must be a mapping of options: `listeners`, `routes` and others')
  }
  const value = unshare(document.toJS({ maxAliasCount: MAX_ALIASES }), { left: MAX_VALUES }, 0)
  return { source: { value, locate: (path, what) => at(findOffset(yaml, document, path, what)) } }
}

function explainSyntax ({ offset, message }: SyntaxFault, at: (offset: number) => string): ConfigFault {
  return { path: '', value: null, message, source: at(offset) }
}

function position (fileName: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset)
  return `${fileName}:${Math.max(line, 1)}:${Math.max(col, 1)}`
}

/** Keys that are there twice, and keys that are not plain text. */
function checkKeys (yaml: Yaml, document: Document.Parsed, at: (offset: number) => string): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  yaml.visit(document, {
    Map (_, map) {
      const seen = new Map<string, number>()
      for (const { key } of map.items) {
        const offset = yaml.isNode(key) ? key.range?.[0] ?? 0 : 0
        if (faults.length >= MAX_SYNTAX_FAULTS) return yaml.visit.BREAK
        if (!yaml.isScalar(key)) {
          faults.push({ path: '', value: null, message: 'a key must be plain text', source: at(offset) })
          continue
        }
        const name = String(key.value)
        const first = seen.get(name)
        if (first === undefined) seen.set(name, offset)
        else faults.push({ path: '', value: null, message: `the key ${JSON.stringify(name.slice(0, 64))} is there twice in one mapping; first at ${at(first)}`, source: at(offset) })
      }
      return undefined
    }
  })
  return faults
}

/**
 * A copy in which nothing is shared, as if aliases had been written out: validation fills in defaults in place, and one
 * mapping with two parents would get those of both.
 * @throws RangeError when that is too much, or endless
 */
function unshare (value: unknown, budget: { left: number }, depth: number): unknown {
  if (--budget.left < 0) throw new RangeError(`its aliases stand for more than ${MAX_VALUES} values`)
  if (depth > MAX_DEPTH) throw new RangeError(`it is nested deeper than ${MAX_DEPTH} levels`)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(entry => unshare(entry, budget, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, unshare(entry, budget, depth + 1)]))
}

function findOffset (yaml: Yaml, document: Document.Parsed, path: ConfigPath, what: 'value' | 'key'): number {
  let node = follow(yaml, document, document.contents)
  let offset = node?.range?.[0] ?? 0
  for (const [index, step] of path.entries()) {
    const { key, value } = stepInto(yaml, node, step)
    const isKeyWanted = what === 'key' && index === path.length - 1
    const wanted = isKeyWanted || !yaml.isNode(value) ? key : value
    if (yaml.isNode(wanted)) offset = wanted.range?.[0] ?? offset
    node = follow(yaml, document, value)
    if (node === undefined) break
  }
  return offset
}

function stepInto (yaml: Yaml, node: Node | undefined, step: string | number): { readonly key?: unknown, readonly value?: unknown } {
  if (yaml.isSeq(node)) return { value: typeof step === 'number' ? node.items[step] : undefined }
  if (!yaml.isMap(node)) return {}
  return node.items.find(({ key }) => yaml.isScalar(key) && String(key.value) === String(step)) ?? {}
}

function follow (yaml: Yaml, document: Document.Parsed, node: unknown): Node | undefined {
  if (yaml.isAlias(node)) return node.resolve(document)
  return yaml.isNode(node) ? node : undefined
}
