/**
 * Who has passed a request on before, by its Via fields (RFC 9110 section 7.6.3). Cold: only a request that has some comes here.
 */
import { FIELD } from './field-id.ts'
import type { FieldLines } from './field-lines.ts'

/** The name by which each proxy calls itself there, in lower case and in order. */
export function viaNames (fields: FieldLines): readonly string[] {
  const names: string[] = []
  for (let line = 0; line < fields.count; line++) {
    if (fields.ids[line] !== FIELD.via) continue
    for (const member of withoutComments(fields.value(line)).split(',')) {
      // What was received, and by whom: `1.1 name`.
      const [, name] = member.trim().split(/[ \t]+/)
      if (name !== undefined) names.push(name.toLowerCase())
    }
  }
  return names
}

/** Comments nest and may quote with a backslash (section 5.6.5). One that never ends is none: it must not hide what follows it. */
function withoutComments (text: string): string {
  let kept = ''
  let depth = 0
  let from = 0
  for (let at = text.indexOf('('); at >= 0 && at < text.length; at++) {
    const char = text[at]
    if (char === '(' && depth++ === 0) kept += text.slice(from, from = at)
    else if (char === '\\' && depth > 0) at++
    else if (char === ')' && depth > 0 && --depth === 0) from = at + 1
  }
  return `${kept} ${text.slice(from).replaceAll('(', ' ')}`
}
