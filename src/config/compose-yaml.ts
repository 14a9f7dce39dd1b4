/**
 * From the text of a YAML document to its nodes, with an end after so many faults. The library's own parseDocument collects
 * all of them, each an Error with its stack: half a million in a text of a few megabytes, which takes the better part of a minute.
 */
import type * as YamlModule from 'yaml'
import type { CST, Document, LineCounter } from 'yaml'

type Yaml = typeof YamlModule

export interface SyntaxFault {
  /** Where in the text. */
  readonly offset: number
  readonly message: string
}

export const MAX_SYNTAX_FAULTS = 20
/**
 * Of a long text, so much is looked at first: with enough faults there it need not be read whole, which takes seconds. What
 * is open where the beginning ends is no fault; so only those of its first half count.
 */
const BEGINNING_CHARACTERS = 262_144
/** The library puts what it does not understand into its messages, however long that is. */
const MAX_MESSAGE_CHARACTERS = 200

/** There are enough faults. */
class Enough extends Error {}

/** What the library calls for each fault and each warning; the text's place is a number, two of them, or a token. */
type OnError = (source: number | readonly [number, number] | { readonly offset: number }, code: string, message: string) => void

/** Those of the library's parseDocument. */
export type YamlOptions = YamlModule.DocumentOptions & YamlModule.ParseOptions & YamlModule.SchemaOptions

/**
 * What is wrong with the beginning of a long text, if that is MAX_SYNTAX_FAULTS faults; undefined when it is fewer, or the text is short.
 * @param lines learns where lines begin
 */
export function faultsOfBeginning (
  yaml: Yaml, text: string, options: YamlOptions, lines: LineCounter
): readonly SyntaxFault[] | undefined {
  if (!isLong(text)) return undefined
  const half = BEGINNING_CHARACTERS / 2
  const composed = compose(yaml, { text: beginningOf(text), countUntil: half }, options, lines)
  return 'faults' in composed && composed.faults.length === MAX_SYNTAX_FAULTS ? composed.faults : undefined
}

/** The beginning of a long text; a short one whole. */
export function beginningOf (text: string): string {
  return isLong(text) ? text.slice(0, BEGINNING_CHARACTERS) : text
}

function isLong (text: string): boolean {
  return text.length > 2 * BEGINNING_CHARACTERS
}

/** @param lines learns where lines begin */
export function composeYaml (yaml: Yaml, text: string, options: YamlOptions, lines: LineCounter): ReturnType<typeof compose> {
  return compose(yaml, { text, countUntil: Infinity }, options, lines)
}

function compose (
  yaml: Yaml, { text, countUntil }: { readonly text: string, readonly countUntil: number }, options: YamlOptions, lines: LineCounter
): { readonly document: Document.Parsed } | { readonly faults: readonly SyntaxFault[] } {
  const faults: SyntaxFault[] = []
  const note: Note = (offset, message) => {
    if (offset >= countUntil) return
    // The library catches what is thrown inside of a node, and says that as a fault too.
    if (faults.length < MAX_SYNTAX_FAULTS) faults.push({ offset, message: message.length > MAX_MESSAGE_CHARACTERS ? `${message.slice(0, MAX_MESSAGE_CHARACTERS)}…` : message })
    if (faults.length >= MAX_SYNTAX_FAULTS) throw new Enough()
  }
  try {
    const document = composeFirst(new yaml.Parser(lines.addNewLine).parse(text), text.length, composerOf(yaml, options, note), note)
    // Its own errors are the few that the library does not tell of when they happen.
    for (const { pos, message } of [...document.errors, ...document.warnings]) note(pos[0], invalid(message))
    return faults.length > 0 ? { faults } : { document }
  } catch (error) {
    if (error instanceof Enough) return { faults }
    throw error
  }
}

/** What the library says of a fault. */
function invalid (message: string): string {
  return `is not valid YAML: ${message}`
}

type Note = (offset: number, message: string) => void
type Composer = YamlModule.Composer

function composerOf (yaml: Yaml, options: ConstructorParameters<typeof YamlModule.Composer>[0], note: Note): Composer {
  const composer: Composer = new yaml.Composer(options)
  const onError: OnError = (source, _, message) => {
    note(typeof source === 'number' ? source : 'offset' in source ? source.offset : source[0], invalid(message))
  }
  // A member that the library does not document. Were it gone, faults would be collected to the last as before; a test tells.
  Reflect.set(composer, 'onError', onError)
  return composer
}

/** @returns the first document; a second one is a fault */
function composeFirst (tokens: Iterable<CST.Token>, length: number, composer: Composer, note: Note): Document.Parsed {
  let first: Document.Parsed | undefined
  for (const document of composeAll(tokens, length, composer, note)) {
    if (first !== undefined) {
      note(document.range[0], 'begins a second document; write one, without `---` in between')
      break
    }
    first = document
  }
  if (first === undefined) throw new Error('the library has made no document')
  return first
}

function * composeAll (tokens: Iterable<CST.Token>, length: number, composer: Composer, note: Note): Generator<Document.Parsed, void> {
  for (const token of tokens) {
    if (token.type === 'error') note(token.offset, invalid(token.source === '' ? token.message : `${token.message}: ${JSON.stringify(token.source.slice(0, MAX_MESSAGE_CHARACTERS))}`))
    else yield * composer.next(token)
  }
  yield * composer.end(true, length)
}
