/**
 * The part of Helm that deploy/chart uses: Go's text/template with a few functions of Helm and sprig. What it does not know it refuses, so a
 * template can't use more without a test that fails.
 *
 * Known: `{{ }}` with trimming on either side, comments, `define`, `if` with `else`, `range` over lists, `end`; fields of the dot and of `$`, texts,
 * whole numbers, pipelines; eq, default, quote, required, fail, splitList, has, toYaml, nindent, include, .Files.Get. Not known: other variables, parentheses, `with`, `else if`, `lookup`, and all the rest.
 */
import { stringify } from 'yaml'

type Node =
  | { readonly kind: 'text', readonly text: string }
  | { readonly kind: 'print', readonly pipeline: Pipeline }
  | { readonly kind: 'if' | 'range', readonly pipeline: Pipeline, readonly body: readonly Node[], readonly otherwise: readonly Node[] }

type Term = { readonly field: readonly string[], readonly ofRoot: boolean } | { readonly literal: string | number } | { readonly call: string }
type Pipeline = ReadonlyArray<readonly Term[]>
type Apply = (args: readonly unknown[], file: string) => unknown
/** What `.` and `$` stand for. */
interface Dots { readonly dot: unknown, readonly root: unknown }

const ACTION = /\{\{(- )?\s*(\/\*[\s\S]*?\*\/|"(?:[^"\\]|\\.)*"|[^"}]|\}(?!\}))*?\s*( -)?\}\}/g
const TERM = /^(?:(\$?\.(?:[A-Za-z]\w*(?:\.[A-Za-z]\w*)*)?)|("(?:[^"\\]|\\.)*")|(\d+)|([a-zA-Z]\w*))(?=\s|$)/

const isMapping = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What Go's templates and sprig's `default` take for nothing. */
function isEmpty (value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

/** Renders files that may include each other's definitions. `get` reads a file of the chart. */
export class GoTemplates {
  readonly #definitions = new Map<string, readonly Node[]>()
  readonly #functions: ReadonlyMap<string, Apply>

  constructor (get: (file: string) => string) {
    this.#functions = new Map<string, Apply>([
      ['eq', ([one, other]) => {
        if (typeof one !== typeof other) throw new TypeError('eq: the types differ')
        return one === other
      }],
      ['default', ([standard, value]) => isEmpty(value) ? standard : value],
      ['quote', args => args.filter(value => value !== undefined && value !== null).map(value => JSON.stringify(textOf(value))).join(' ')],
      ['required', ([message, value]) => {
        if (value === undefined || value === null || value === '') throw new TypeError(textOf(message))
        return value
      }],
      ['fail', ([message]) => { throw new TypeError(textOf(message)) }],
      ['splitList', ([separator, text]) => textOf(text).split(textOf(separator))],
      ['has', ([needle, list]) => {
        if (!Array.isArray(list)) throw new TypeError('has: this is no list')
        return list.includes(needle)
      }],
      ['toYaml', ([value]) => stringify(value, { sortMapEntries: true, indentSeq: false, version: '1.1', lineWidth: 0 }).replace(/\n$/, '')],
      ['nindent', ([count, text]) => `\n${textOf(text).replaceAll(/^/gm, ' '.repeat(Number(count)))}`],
      ['include', ([name, dot], file) => this.#run(this.#definitions.get(textOf(name)) ?? refuse(file, `there is no template ${textOf(name)}`), { dot, root: dot }, file)],
      ['Files.Get', ([name]) => get(textOf(name))]
    ])
  }

  /** Takes the definitions of a file and gives what is around them. */
  render (source: string, dot: unknown, file: string): string {
    return this.#run(this.#parse(source, file), { dot, root: dot }, file)
  }

  #parse (source: string, file: string): readonly Node[] {
    const open: Array<{ nodes: Node[], close: (body: readonly Node[], otherwise: readonly Node[]) => void, before?: Node[] }> = []
    const top: Node[] = []
    let nodes = top
    for (const token of tokensOf(source, file)) {
      if ('text' in token) {
        if (token.text !== '') nodes.push({ kind: 'text', text: token.text })
        continue
      }
      const [word = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(token.action)?.slice(1) ?? []
      const outer = nodes
      if (word === 'if' || word === 'range') {
        const pipeline = pipelineOf(rest, file)
        open.push({ nodes: outer, close: (body, otherwise) => { outer.push({ kind: word, pipeline, body, otherwise }) } })
        nodes = []
      } else if (word === 'define') {
        const name = String(JSON.parse(rest))
        open.push({ nodes: outer, close: body => { this.#definitions.set(name, body) } })
        nodes = []
      } else if (word === 'else') {
        const block = open.at(-1)
        if (block === undefined || block.before !== undefined || rest !== '') return refuse(file, token.action)
        block.before = nodes
        nodes = []
      } else if (word === 'end') {
        const block = open.pop()
        if (block === undefined || rest !== '') return refuse(file, token.action)
        block.close(block.before ?? nodes, block.before === undefined ? [] : nodes)
        nodes = block.nodes
      } else nodes.push({ kind: 'print', pipeline: pipelineOf(token.action, file) })
    }
    return open.length === 0 ? top : refuse(file, 'a block without its end')
  }

  #run (nodes: readonly Node[], dots: Dots, file: string): string {
    return nodes.map(node => {
      if (node.kind === 'text') return node.text
      const value = this.#evaluate(node.pipeline, dots, file)
      if (node.kind === 'print') return textOf(value)
      if (node.kind === 'if') return this.#run(isEmpty(value) ? node.otherwise : node.body, dots, file)
      if (value !== undefined && value !== null && !Array.isArray(value)) return refuse(file, 'range over what is no list')
      if (isEmpty(value)) return this.#run(node.otherwise, dots, file)
      return (Array.isArray(value) ? value : []).map((item: unknown) => this.#run(node.body, { ...dots, dot: item }, file)).join('')
    }).join('')
  }

  /** Each command gets what the one before gives as its last argument. */
  #evaluate (pipeline: Pipeline, dots: Dots, file: string): unknown {
    let piped: readonly unknown[] = []
    for (const [first, ...others] of pipeline) {
      if (first === undefined) return refuse(file, 'an empty command')
      const args = [...others.map(term => this.#value(term, dots, file)), ...piped]
      if ('call' in first) piped = [(this.#functions.get(first.call) ?? refuse(file, first.call))(args, file)]
      else if (args.length > 0) return refuse(file, 'arguments for what is no function')
      else piped = [this.#value(first, dots, file)]
    }
    return piped[0]
  }

  #value (term: Term, { dot, root }: Dots, file: string): unknown {
    if ('literal' in term) return term.literal
    if ('call' in term) return refuse(file, `${term.call} as an argument`)
    return term.field.reduce<unknown>((value, key) => isMapping(value) ? value[key] : refuse(file, `.${term.field.join('.')}: there is nothing to have ${key}`), term.ofRoot ? root : dot)
  }
}

function refuse (file: string, what: string): never {
  throw new TypeError(`${file}: ${what}: this is not known here`)
}

/** As `{{ }}` prints it; Helm takes `<no value>` away. Values of Helm are float64, which would be printed with an exponent from 1e+06 on. */
function textOf (value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'number' && !(Number.isInteger(value) && Math.abs(value) < 1e6)) throw new TypeError(`${value} would be printed with an exponent, or not as it is written`)
  if (typeof value === 'object') throw new TypeError('a mapping or list is printed: use toYaml')
  return String(value)
}

function * tokensOf (source: string, file: string): Generator<{ readonly text: string } | { readonly action: string }> {
  let from = 0
  let trims = false
  for (const match of source.matchAll(ACTION)) {
    const inner = match[0].slice(2, -2)
    const [before, after] = [/^-\s/.test(inner), /\s-$/.test(inner)]
    let text = source.slice(from, match.index)
    if (trims) text = text.trimStart()
    if (before) text = text.trimEnd()
    yield { text }
    const action = inner.slice(before ? 1 : 0, after ? -1 : undefined).trim()
    if (!action.startsWith('/*')) yield { action }
    from = match.index + match[0].length
    trims = after
  }
  const rest = source.slice(from)
  if (rest.includes('{{')) refuse(file, 'an action without its end')
  yield { text: trims ? rest.trimStart() : rest }
}

function pipelineOf (text: string, file: string): Pipeline {
  const commands: Term[][] = [[]]
  let rest = text.trim()
  while (rest !== '') {
    if (rest.startsWith('|')) {
      commands.push([])
      rest = rest.slice(1).trim()
      continue
    }
    const [whole = '', field, quoted, digits, name] = TERM.exec(rest) ?? refuse(file, text)
    if (field === '.Files.Get') commands.at(-1)?.push({ call: 'Files.Get' })
    else if (field !== undefined) commands.at(-1)?.push({ field: field.split('.').slice(1).filter(key => key !== ''), ofRoot: field.startsWith('$') })
    else if (quoted !== undefined) commands.at(-1)?.push({ literal: String(JSON.parse(quoted)) })
    else if (digits !== undefined) commands.at(-1)?.push({ literal: Number(digits) })
    else commands.at(-1)?.push({ call: name ?? '' })
    rest = rest.slice(whole.length).trim()
  }
  return commands
}
