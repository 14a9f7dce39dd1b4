/**
 * Compares what Weir and Node make of the same bytes.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Field, Reading } from '../helpers/http1-message.ts'
import { LAXER, OTHERWISE, STRICTER } from './known-differences.ts'
import type { KnownDifference } from './known-differences.ts'

/**
 * `stricter` or `laxer`: Weir takes less or more of the bytes than Node; `early`: one of them refuses a head that the other
 * has not seen enough of; `otherwise`: both take them, but not for the same.
 */
export type Comparison = 'same' | 'stricter' | 'laxer' | 'early' | 'otherwise'

export interface Readings {
  readonly weir: Reading
  readonly node: Reading
}

export function compare ({ weir, node }: Readings): Comparison {
  if (weir.head === undefined && node.head === undefined) return weir.verdict === node.verdict ? 'same' : 'early'
  if (weir.head === undefined) return weir.verdict === 'refused' ? 'stricter' : 'otherwise'
  if (node.head === undefined) return 'laxer'
  if (!isDeepStrictEqual(weir.head, node.head)) return 'otherwise'
  if (weir.verdict === 'refused' && node.verdict === 'refused') return 'same'
  if (weir.verdict === 'refused') return node.body.startsWith(weir.body) ? 'stricter' : 'otherwise'
  if (node.verdict === 'refused') return 'laxer'
  const same = weir.verdict === node.verdict && weir.consumed === node.consumed && weir.body === node.body && sameTrailers(weir, node)
  return same ? 'same' : 'otherwise'
}

/** Weir leaves out some trailers, but none without a meaning for proxies, and it changes none. */
function sameTrailers (weir: Reading, node: Reading): boolean {
  if (node.verdict !== 'complete') return true
  const isPlain = ([name]: Field): boolean => /^x(?!-forwarded-|-request-id$)/i.test(name)
  return isDeepStrictEqual(weir.trailers.filter(isPlain), node.trailers.filter(isPlain)) &&
    weir.trailers.every(field => node.trailers.some(other => isDeepStrictEqual(field, other)))
}

/** The row that explains a difference. */
export function explanation (readings: Readings, text: string): KnownDifference | undefined {
  const outcome = compare(readings)
  if (outcome === 'same') return undefined
  const rows = outcome === 'stricter' ? STRICTER : outcome === 'laxer' ? LAXER : [...STRICTER, ...LAXER]
  // Bytes behind a head that is read otherwise can look like more or less strictness.
  return [...rows, ...OTHERWISE].find(row => row.explains(readings.weir, readings.node, text))
}

/** How a head that has been cut could go on. */
const CONTINUATIONS = [
  '\r\n\r\n', '\n\r\n', '\r\nHost: a\r\n\r\n', '\nHost: a\r\n\r\n', ' / HTTP/1.1\r\nHost: a\r\n\r\n', ' HTTP/1.1\r\nHost: a\r\n\r\n', '/1.1\r\nHost: a\r\n\r\n',
  '1\r\nHost: a\r\n\r\n', ': a\r\n\r\n', ' OK\r\n\r\n', '00 OK\r\n\r\n'
].map(text => Buffer.from(text, 'latin1'))

/**
 * Reads the bytes with both, and how they could go on when one of the two has not decided yet.
 * @throws an Error that shows both readings when they differ and no row explains it
 */
export function assertAgreement (read: (bytes: Buffer) => Readings, bytes: Buffer): void {
  const readings = read(bytes)
  const outcome = explain(readings, bytes)
  if (outcome === 'early') for (const more of CONTINUATIONS) explain(read(Buffer.concat([bytes, more])), Buffer.concat([bytes, more]))
}

function explain (readings: Readings, bytes: Buffer): Comparison {
  const outcome = compare(readings)
  const text = bytes.toString('latin1')
  if (outcome === 'same' || explanation(readings, text) !== undefined) return 'same'
  if (outcome === 'early') return outcome
  throw new Error(`${outcome}, and no row of known-differences.ts says why\n  bytes ${JSON.stringify(text)}\n` +
    `  weir  ${JSON.stringify(readings.weir)}\n  node  ${JSON.stringify(readings.node)}`)
}
