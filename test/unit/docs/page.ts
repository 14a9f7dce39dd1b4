/**
 * The project's Markdown pages, taken apart for the tests that hold them to the code.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export const ROOT = path.resolve(import.meta.dirname, '../../..')

/** Every page of the project that a reader may open, by its path from the root. */
export function listPages (): string[] {
  const top = readdirSync(ROOT).filter(name => name.endsWith('.md'))
  const docs = readdirSync(path.join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.md'))
  return [...top, ...docs.map(name => path.posix.join('docs', name.replaceAll(path.sep, '/'))), 'deploy/README.md', 'bench/README.md']
}

export function readPage (page: string): string {
  return readFileSync(path.join(ROOT, page), 'utf8')
}

/** A page without its code blocks, fenced or indented. */
export function proseOf (text: string): string {
  return text.replaceAll(/^( *)```[^]*?^\1```$/gm, '').replaceAll(/^ {4,}(?![-*|]).*$/gm, '')
}

/** What stands in backquotes in the prose. */
export function codeSpans (text: string): string[] {
  return [...proseOf(text).matchAll(/`([^`\n]+)`/g)].map(match => match[1] ?? '')
}

/** The rows of the table whose first heading is `heading`, as cells. @throws RangeError when there is no such table */
export function tableRows (text: string, heading: string): string[][] {
  const lines = text.split('\n')
  const start = lines.findIndex(line => line.startsWith(`| ${heading} |`))
  if (start < 0) throw new RangeError(`no table begins with the heading "${heading}"`)
  const length = lines.slice(start).findIndex(line => !line.startsWith('|'))
  const rows = lines.slice(start + 2, length < 0 ? undefined : start + length)
  return rows.map(row => row.split('|').slice(1, -1).map(cell => cell.trim()))
}

/** The anchors that a page's headings get on the usual hosts: lower case, punctuation out, spaces to hyphens. */
export function anchorsOf (text: string): Set<string> {
  const headings = proseOf(text).split('\n').flatMap(line => /^#{1,6} (.+)$/.exec(line)?.[1] ?? [])
  return new Set(headings.map(heading => heading.toLowerCase().replaceAll(/[^\p{Letter}\p{Number} _-]/gu, '').trim().replaceAll(' ', '-')))
}

/** The first fenced block after a mark such as `<!-- tour: faults -->`. @throws RangeError when there is none */
export function blockAfter (text: string, mark: string): string {
  const at = text.indexOf(mark)
  const block = at < 0 ? undefined : /^```[a-z]*\n([^]*?)^```$/m.exec(text.slice(at))?.[1]
  if (block === undefined) throw new RangeError(`no code block follows ${mark}`)
  return block
}
