/**
 * Structured harm to the bytes of a request: what an attacker changes on purpose, where http1-grammar.ts's mutations change
 * whatever they hit.
 */
import fc from 'fast-check'
import { hostileLine } from '../helpers/http1-grammar.ts'

export interface Damage {
  readonly kind: 'insert-line' | 'repeat-framing' | 'move-line' | 'length' | 'chunk-size' | 'smuggle' | 'control' | 'line-end' | 'truncate'
  readonly at: number
  readonly other: number
  readonly line: string
}

export const damages: fc.Arbitrary<readonly Damage[]> = fc.array(fc.record({
  kind: fc.constantFrom('insert-line', 'repeat-framing', 'move-line', 'length', 'chunk-size', 'smuggle', 'control', 'line-end', 'truncate'),
  at: fc.nat({ max: 100_000 }),
  other: fc.nat({ max: 1_000 }),
  line: hostileLine
}), { minLength: 1, maxLength: 3 })

/** Applies them one after the other. */
export function damage (text: string, list: readonly Damage[]): string {
  return list.reduce(damageOnce, text)
}

const CONTROLS = ['\r', '\n', '\r\n', '\0', ' ', '\t', '\x0b', '\x85', '\r\n\r\n']
const LINE_ENDS = ['\n', '\r', '\n\n', 'X\n', '\r\r\n', '\n\r', '\r\n\r\n', '\r\n ', ' \r\n', '\0\r\n', '']
const SIZES = ['0', '1', '+5', '-1', '0x5', ' 5', '5 ', '5 ;a', '5;a', '5;a="\r\n"', '5;a=b;', '00005', 'ffffffff', 'fffffffffffff', '10000000000000005', '5\n', 'g', '']
const SMUGGLED = ['GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n', '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n', '\r\n\r\nPOST /smuggled HTTP/1.1\r\nHost: b\r\nContent-Length: 30\r\n\r\n']

function damageOnce (text: string, { kind, at, other, line }: Damage): string {
  const headEnd = text.indexOf('\r\n\r\n')
  const head = (headEnd < 0 ? text : text.slice(0, headEnd)).split('\r\n')
  const rest = headEnd < 0 ? '' : text.slice(headEnd)
  const place = 1 + at % head.length
  const position = text === '' ? 0 : at % text.length
  switch (kind) {
    case 'insert-line': return `${head.toSpliced(place, 0, line).join('\r\n')}${rest}`
    case 'repeat-framing': return `${repeatFraming(head, place, other).join('\r\n')}${rest}`
    case 'move-line': {
      const moved = head[1 + other % head.length]
      return moved === undefined ? text : `${head.toSpliced(1 + other % head.length, 1).toSpliced(place, 0, moved).join('\r\n')}${rest}`
    }
    case 'length': return text.replace(/(content-length:[ \t]*)(\d+)/i, (_, name: string, digits: string) => `${name}${Math.max(0, Number(digits) + at % 9 - 4)}`)
    case 'chunk-size': return replaceChunkSize(text, at, SIZES[other % SIZES.length] ?? '')
    case 'smuggle': return text.slice(0, position) + (SMUGGLED[other % SMUGGLED.length] ?? '') + text.slice(position)
    case 'control': return text.slice(0, position) + (CONTROLS[other % CONTROLS.length] ?? '') + text.slice(position)
    case 'line-end': {
      const lines = text.split('\r\n')
      const end = 1 + at % lines.length
      return lines.slice(0, end).join('\r\n') + (LINE_ENDS[other % LINE_ENDS.length] ?? '') + lines.slice(end).join('\r\n')
    }
    case 'truncate': return text.slice(0, position)
  }
}

/** Another line that frames: the same, of another value, or of the other kind. */
function repeatFraming (head: readonly string[], place: number, other: number): readonly string[] {
  const lines = head.filter(line => /^(content-length|transfer-encoding):/i.test(line))
  const added = [lines[0] ?? 'Content-Length: 3', 'Transfer-Encoding: chunked', `Content-Length: ${other % 50}`, 'transfer-encoding: identity'][other % 4] ?? ''
  return head.toSpliced(place, 0, added)
}

function replaceChunkSize (text: string, at: number, size: string): string {
  const places = [...text.matchAll(/(?<=\r\n)[0-9a-f]+(?=\r\n)/gi)]
  const place = places[at % Math.max(1, places.length)]
  return place === undefined ? text : text.slice(0, place.index) + size + text.slice(place.index + place[0].length)
}
