/**
 * Puts generated text into a hand-written page, between `<!-- generated: NAME -->` and `<!-- end of generated: NAME -->`.
 * @throws Error when the page does not have both markers, in this order and once
 */
export function withMarkedSection (page: string, name: string, text: string): string {
  const [start, end] = [`<!-- generated: ${name} -->`, `<!-- end of generated: ${name} -->`]
  const [before, middle, ...more] = page.split(start)
  const [, after, ...rest] = middle?.split(end) ?? []
  if (before === undefined || after === undefined || more.length > 0 || rest.length > 0) {
    throw new Error(`the page needs the markers ${start} and ${end}, once each`)
  }
  return `${before}${start}\n\n${text.trim()}\n\n${end}${after}`
}

/** A row of a Markdown table; what would end a cell is escaped. */
export function tableRow (cells: readonly string[]): string {
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ')).join(' | ')} |`
}
