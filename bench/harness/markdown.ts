/**
 * Markdown tables, and the places in a page where they go.
 */
import { readFileSync, writeFileSync } from 'node:fs'

/** A table; the first column is aligned left, the others right. */
export function markdownTable (head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, column) => column === 0 ? '---' : '---:')), ...rows.map(line)].join('\n')
}

/**
 * Replaces what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
 * @throws Error when the page does not have both marks in this order
 */
export function replaceBetweenMarks (file: string, name: string, content: string): void {
  const page = readFileSync(file, 'utf8')
  const begin = `<!-- ${name}:begin -->`
  const end = `<!-- ${name}:end -->`
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`${file} lacks the marks ${begin} and ${end}`)
  writeFileSync(file, `${page.slice(0, from + begin.length)}\n${content}\n${page.slice(to)}`)
}

/** A number with three significant digits below 100, whole above, with thousands separated. */
export function shortNumber (value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-GB')
  if (Math.abs(value) >= 10) return value.toFixed(1)
  return value.toFixed(2)
}

/** 64 B, 4 KiB, 100 KiB. */
export function byteSize (bytes: number): string {
  return bytes >= 1024 && bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} B`
}
