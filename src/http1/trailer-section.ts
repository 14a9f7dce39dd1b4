/**
 * The trailer section of a chunked body (RFC 9112 section 7.1.2), which may come in pieces: checked as fields are, and kept
 * apart from the body, without those that would matter to framing, routing or identity.
 */
import { FIELD } from './field-id.ts'
import { FieldLines, LINE_INCOMPLETE, SECTION_END } from './field-lines.ts'
import { LineCollector } from './line-collector.ts'
import { FAULT } from './parse-fault.ts'

const MAX_TRAILER_BYTES = 16_384
const MAX_TRAILER_FIELDS = 64

export class TrailerSection {
  /** Has its empty line come? */
  done = false
  /** Once it is done: the lines to pass on, each with CR LF; undefined when there are none. */
  kept: Buffer | undefined
  readonly #lines = new LineCollector({ headroom: 0, tailroom: 0, maxBytes: MAX_TRAILER_BYTES })
  readonly #fields = new FieldLines(MAX_TRAILER_FIELDS)

  /**
   * Takes `buf[start, end)`, up to the end of the section.
   * @returns how many of the bytes are the section's, or the negative number of a fault
   */
  add (buf: Buffer, start: number, end: number): number {
    const lines = this.#lines
    const fields = this.#fields
    const before = lines.end
    // One byte too many is enough to refuse them; what follows the section is not copied.
    const isNews = lines.add(buf, start, Math.min(end, start + MAX_TRAILER_BYTES + 1 - before))
    if (!isNews) return end - start
    if (fields.buf !== lines.buf) fields.rebase(lines.buf, 0)
    for (;;) {
      const outcome = fields.parseLine(lines.end)
      if (outcome === SECTION_END) break
      if (outcome < 0) return outcome === FAULT.too_many_fields ? FAULT.trailers_too_large : FAULT.bad_trailer
      if (outcome === LINE_INCOMPLETE) return lines.end > MAX_TRAILER_BYTES ? FAULT.trailers_too_large : end - start
    }
    if (fields.next > MAX_TRAILER_BYTES) return FAULT.trailers_too_large
    this.done = true
    this.kept = keepTrailers(fields)
    return fields.next - before
  }
}

/**
 * RFC 9110 section 6.5.1: what frames, routes, authenticates, steers or makes conditional is not allowed in trailers and is
 * left out; the fields of FIELD too. Odd characters are dashes, as origins fold names.
 */
const FORBIDDEN_TRAILERS: ReadonlySet<string> = new Set([
  'age', 'authorization', 'cache-control', 'content-encoding', 'content-location', 'content-range', 'content-type', 'cookie',
  'expires', 'forwarded', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'location', 'pragma',
  'proxy-authenticate', 'proxy-authorization', 'range', 'retry-after', 'set-cookie', 'vary', 'via', 'www-authenticate'
])

function keepTrailers (lines: FieldLines): Buffer | undefined {
  const kept: Buffer[] = []
  for (let line = 0; line < lines.count; line++) {
    const name = lines.buf.toString('latin1', lines.nameStart(line), lines.nameEnd(line)).toLowerCase().replaceAll(/[^0-9a-z]/g, '-')
    if (lines.ids[line] !== FIELD.other || FORBIDDEN_TRAILERS.has(name)) continue
    kept.push(lines.buf.subarray(lines.nameStart(line), lines.lineEnd(line)))
  }
  return kept.length === 0 ? undefined : Buffer.concat(kept)
}
