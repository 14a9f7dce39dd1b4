import t, { type Test } from 'tap'
import { ChunkedDecoder, TrailerSection } from '../../../src/http1/chunked-decoder.ts'
import { FieldLines, LINE_INCOMPLETE } from '../../../src/http1/field-lines.ts'
import { faultName } from '../../../src/http1/parse-fault.ts'
import { latin1 } from '../../helpers/http1-message.ts'

const MAX_BYTES = 16_384

interface Taken { readonly outcome: string, readonly taken: number, readonly kept: string | undefined }

/** Gives a section its bytes in pieces of this size, up to the first outcome. */
function take (text: string, size: number): Taken {
  const section = new TrailerSection()
  const bytes = latin1(text)
  let taken = 0
  while (taken < bytes.length && !section.done) {
    const used = section.add(bytes, taken, Math.min(bytes.length, taken + size))
    if (used < 0) return { outcome: faultName(used), taken, kept: undefined }
    taken += used
  }
  return { outcome: section.done ? 'done' : 'incomplete', taken, kept: section.kept?.toString('latin1') }
}

/** Counts the bytes that field lines are looked at for, from now to the end of the test. */
function countLooks (t: Test): () => number {
  let looked = 0
  const { parseLine } = FieldLines.prototype
  t.capture(FieldLines.prototype, 'parseLine', function (this: FieldLines, end: number) {
    const from = this.next
    const outcome = parseLine.call(this, end)
    looked += (outcome > LINE_INCOMPLETE ? this.next : end) - from
    return outcome
  })
  return () => looked
}

t.test('the same lines are kept, and the same bytes taken, whatever the pieces', async t => {
  const text = 'X: 1\r\nHost: a\r\nY:\r\nCookie: b\r\n\r\nGET / HTTP/1.1\r\n'
  for (let size = 1; size <= text.length; size++) t.same(take(text, size), { outcome: 'done', taken: 32, kept: 'X: 1\r\nY:\r\n' }, `pieces of ${size}`)
})

t.test('an empty section has nothing to keep', async t => {
  for (const size of [1, 2, 10]) t.same(take('\r\nrest', size), { outcome: 'done', taken: 2, kept: undefined })
})

t.test('a section of exactly the limit is taken, one byte more is not, whatever the pieces', async t => {
  const section = (bytes: number): string => `X: ${'a'.repeat(bytes - 7)}\r\n\r\n`
  for (const size of [1, 1000, MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1, 100_000]) {
    t.equal(take(`${section(MAX_BYTES)}rest`, size).outcome, 'done')
    t.equal(take(`${section(MAX_BYTES + 1)}rest`, size).outcome, 'trailers_too_large')
  }
})

t.test('no more is held than the limit and the piece that went beyond it', async t => {
  for (const text of ['X: ' + 'a'.repeat(40_000), 'X:\r\n'.repeat(65), 'a'.repeat(40_000)]) {
    const { outcome, taken } = take(text, 1)
    t.equal(outcome, 'trailers_too_large')
    t.ok(taken <= MAX_BYTES, `${taken} bytes`)
  }
})

t.test('a section that comes byte after byte is looked at in proportion to its bytes', async t => {
  for (const [what, text] of [
    ['one long line', `X: ${'a'.repeat(16_000)}\r\n\r\n`],
    ['a name without end', 'a'.repeat(16_000)],
    ['as many lines as are allowed', `${`X: ${'a'.repeat(200)}\r\n`.repeat(64)}\r\n`],
    ['short lines', `${'X:\r\n'.repeat(64)}\r\n`]
  ] as const) {
    for (const size of [1, 2, 7]) {
      await t.test(`${what}, pieces of ${size}`, async t => {
        const looked = countLooks(t)
        t.match(take(text, size).outcome, /done|incomplete/)
        t.ok(looked() > 0 && looked() <= 4 * text.length, `${looked()} bytes looked at, of ${text.length}`)
      })
    }
  }
})

t.test('the framing of chunks is looked at byte by byte once, and is bounded', async t => {
  const looked = countLooks(t)
  const feed = (text: string): { fault: string, taken: number } => {
    const decoder = new ChunkedDecoder()
    const bytes = latin1(text)
    for (let at = 0; at < bytes.length; at++) {
      const length = decoder.decode(bytes, at, at + 1)
      if (length < 0) return { fault: faultName(length), taken: at }
      if (decoder.consumed !== 1) return { fault: `${decoder.consumed} bytes used of one`, taken: at }
    }
    return { fault: '', taken: bytes.length }
  }
  t.same(feed('0'.repeat(100)), { fault: 'bad_chunk_size', taken: 13 })
  t.same(feed(`1;${'a'.repeat(20_000)}`), { fault: 'chunk_extension_too_long', taken: 2 + MAX_BYTES })
  t.same(feed(`1;a="${'b'.repeat(20_000)}`), { fault: 'chunk_extension_too_long', taken: 2 + MAX_BYTES })
  // Of each chunk's 8 bytes, the extension's name and the CR behind it count.
  t.same(feed('1;a\r\nx\r\n'.repeat(10_000)), { fault: 'chunk_extension_too_long', taken: MAX_BYTES / 2 * 8 + 2 })
  t.equal(looked(), 0)
})
