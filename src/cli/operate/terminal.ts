/**
 * What commands print on: a table for people, JSON or YAML for programs.
 */
import { printable } from '../../core/logger.ts'
import type { AdminAnswer } from './admin-api.ts'
import type { ClientEnvironment } from './connection.ts'

export const OUTPUTS = ['table', 'wide', 'json', 'yaml'] as const
export type OutputFormat = typeof OUTPUTS[number]

/** Standard output and error, and what they are. */
export interface Terminal {
  out (text: string): void
  complain (text: string): void
  readonly isTerminal: boolean
  readonly colours: boolean
}

/** Colours only for people: on a terminal that has them, and unless NO_COLOR says otherwise (https://no-color.org). */
export function hasColours (isTerminal: boolean, env: ClientEnvironment): boolean {
  return isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Colour = keyof typeof CODES

export class Palette {
  readonly #on: boolean

  constructor (on: boolean) {
    this.#on = on
  }

  paint (colour: Colour, text: string): string {
    return this.#on && text !== '' ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text
  }
}

/** One cell of a table. */
export type Cell = string | { readonly text: string, readonly colour: Colour }

const GAP = '   '

/**
 * Columns as wide as what is in them; numbers to the right.
 * @param rows each as long as `heads`; what comes from outside is made printable here, in both
 */
export function table (titles: readonly string[], rows: ReadonlyArray<readonly Cell[]>, palette: Palette): string {
  const heads = titles.map(clean)
  const cells = rows.map(row => row.map(cell => typeof cell === 'string' ? { text: clean(cell) } : { ...cell, text: clean(cell.text) }))
  const widths = heads.map((head, column) => Math.max(head.length, ...cells.map(row => row[column]?.text.length ?? 0)))
  const isNumeric = (text: string): boolean => /^(|-|<?[0-9.]+( %)?)$/.test(text)
  const right = heads.map((_head, column) => cells.length > 0 && cells.every(row => isNumeric(row[column]?.text ?? '')))
  const line = (row: ReadonlyArray<{ readonly text: string, readonly colour?: Colour }>): string => row.map(({ text, colour }, column) => {
    const padding = ' '.repeat((widths[column] ?? 0) - text.length)
    const painted = colour === undefined ? text : palette.paint(colour, text)
    if (right[column] === true) return `${padding}${painted}`
    return column === row.length - 1 ? painted : `${painted}${padding}`
  }).join(GAP).trimEnd()
  return `${[line(heads.map(text => ({ text, colour: 'dim' }))), ...cells.map(line)].join('\n')}\n`
}

/** Text from outside, as a part of a line. */
export function clean (text: string): string {
  return printable(text).replaceAll('\n', '\\n')
}

/** Text from outside in a line of its own. */
export function cleanLine (text: string): string {
  return `${clean(text)}\n`
}

/** The answer as it came, for programs. */
export async function formatAnswer (answer: AdminAnswer, format: 'json' | 'yaml'): Promise<string> {
  if (format === 'json') return `${printable(JSON.stringify(answer, null, 2))}\n`
  const { Document, Scalar, visit } = await import('yaml')
  const document = new Document(answer)
  // In double quotes alone has YAML escapes, those of `printable` among them.
  visit(document, {
    Scalar: (_, node) => { if (typeof node.value === 'string' && printable(node.value) !== node.value) node.type = Scalar.QUOTE_DOUBLE }
  })
  return printable(document.toString({ lineWidth: 0 }))
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const

/** A share from 0 to 1 as a bar; what is above 0 shows. */
export function bar (share: number, width: number): string {
  const eighths = share <= 0 ? 0 : Math.max(1, Math.round(Math.min(1, share) * width * 8))
  return `${'█'.repeat(Math.floor(eighths / 8))}${EIGHTHS[eighths % 8] ?? ''}`
}

/** A bar in a frame of this width, so that it can be seen how much is missing. */
export function gauge (share: number, width: number): string {
  return bar(Math.min(1, share), width).padEnd(width, '░')
}

/** A share from 0 to 1 in per cent, with one digit where there is something behind the point. */
export function percent (share: number): string {
  const rounded = Math.round(share * 1_000) / 10
  if (rounded === 0 && share > 0) return '<0.1 %'
  return `${Number.isInteger(rounded) ? rounded : rounded.toFixed(1)} %`
}
