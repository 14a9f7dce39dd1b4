import fc from 'fast-check'
import t from 'tap'
import { AccessLineFormat, jsonText, MAX_LINE_BYTES, type AccessEntry } from '../../src/telemetry/access-line.ts'
import { accessEntry } from '../helpers/access-entry.ts'

const TEXTS = ['route', 'version', 'endpoint', 'method', 'host', 'path', 'protocol', 'error', 'fault', 'stickyKey', 'requestId', 'clientIp'] as const
const NUMBERS = ['status', 'bytesIn', 'bytesOut', 'durationMs', 'connectMs', 'firstByteMs', 'attempts'] as const

/** Bytes as the head parser gives them: one character for each byte. */
const latin1 = fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes).toString('latin1'))
/** Any UTF-16, lone surrogates included. */
const utf16 = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 100 }).map(units => String.fromCharCode(...units))
const long = fc.tuple(fc.constantFrom('a', '"', '\\', '\0', '\u00ff', '\ud800', '\u{1f600}'), fc.integer({ min: 1, max: 5_000 })).map(([unit, times]) => unit.repeat(times))
const hostile = fc.oneof(latin1, utf16, long)

const hostileEntry: fc.Arbitrary<AccessEntry> = fc.record({
  ...Object.fromEntries(TEXTS.map(name => [name, hostile])),
  ...Object.fromEntries(NUMBERS.map(name => [name, fc.double()])),
  wallMs: fc.double()
}).map(different => accessEntry(different))

t.test('a text reads back, whatever is in it', t => {
  fc.assert(fc.property(fc.oneof(latin1, utf16), text => {
    const json = jsonText(text)
    return /^[ -~]*$/.test(json) && JSON.parse(json) === text.toWellFormed()
  }), { numRuns: 2_000 })
  t.pass('2,000 texts')
  t.end()
})

t.test('a hostile entry is still one bounded line of valid JSON in ASCII', t => {
  const format = new AccessLineFormat()
  const check = (entry: AccessEntry): boolean => {
    const line = format.line(entry)
    const parsed: unknown = JSON.parse(line)
    return /^[ -~]+\n$/.test(line) && line.length <= MAX_LINE_BYTES && typeof parsed === 'object' && parsed !== null &&
      TEXTS.every(name => name in parsed) && NUMBERS.every(name => name in parsed)
  }
  fc.assert(fc.property(hostileEntry, check), { numRuns: 1_000 })
  t.pass('1,000 entries')
  t.end()
})

t.test('a text that was cut says so, one that was not does not', t => {
  const format = new AccessLineFormat()
  fc.assert(fc.property(fc.integer({ min: 0, max: 2_000 }), length => {
    const path = `/${'a'.repeat(length)}`
    const parsed: { path: string, cut?: boolean } = JSON.parse(format.line(accessEntry({ path })))
    return (parsed.cut === true) === (parsed.path !== path) && path.startsWith(parsed.path)
  }))
  t.pass('paths of every length')
  t.end()
})
