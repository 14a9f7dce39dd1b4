import fc from 'fast-check'
import t from 'tap'
import { certificateSubject } from '../../src/downstream/certificate-choice.ts'
import { certificateWith, OID, STRING_TAG, type Attribute, type Subject } from '../helpers/certificate-der.ts'

const utf8 = (type: readonly number[], value: string): Attribute => ({ type, tag: STRING_TAG.utf8, value: Buffer.from(value) })
const subjectOf = (...parts: Subject): string | undefined => certificateSubject(certificateWith(parts))

/** Reads a line as RFC 4514 section 3 says, by rules of its own: parts of attributes of a name and the bytes of a value. */
function parse (line: string): ReadonlyArray<ReadonlyArray<readonly [name: string, value: string]>> {
  const parts: Array<Array<[string, string]>> = [[]]
  for (let at = 0; at < line.length;) {
    const equals = line.indexOf('=', at)
    const name = line.slice(at, equals)
    const bytes: number[] = []
    at = equals + 1
    while (at < line.length && line[at] !== ',' && line[at] !== '+') {
      if (line[at] !== '\\') {
        bytes.push(line.charCodeAt(at++))
      } else if (/^[0-9A-F]{2}$/.test(line.slice(at + 1, at + 3))) {
        bytes.push(Number.parseInt(line.slice(at + 1, at + 3), 16))
        at += 3
      } else {
        bytes.push(line.charCodeAt(at + 1))
        at += 2
      }
    }
    parts.at(-1)?.push([name, Buffer.from(bytes).toString()])
    if (line[at++] === ',') parts.push([])
  }
  return parts
}

const NAMES = new Map<string, readonly number[]>([['CN', OID.cn], ['O', OID.o], ['OU', OID.ou], ['1.2.3.4', OID.strange]])
/** What is special somewhere on the way, and what is not. */
const characters = fc.constantFrom(...' ,+"\\<>;#=\r\n\0\t\x7f\x1b:{}', 'a', 'Z', '0', 'ä', 'ß', '€', '漢', '😀', '\u0085', '\u2028', '\u202e')
const values = fc.array(characters, { minLength: 1, maxLength: 12 }).map(list => list.join(''))
const attributes = fc.tuple(fc.constantFrom(...NAMES.keys()), values)
// Attributes of one part are a set, which DER sorts; so each name once.
const subjects = fc.array(fc.uniqueArray(attributes, { minLength: 1, maxLength: 3, selector: ([name]) => name }), { minLength: 1, maxLength: 5 })

t.test('whatever the subject, the line is a plain field value that reads back as the same subject', async t => {
  fc.assert(fc.property(subjects, parts => {
    const line = subjectOf(...parts.map(part => part.map(([name, value]) => utf8(NAMES.get(name) ?? [], value)))) ?? ''
    if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(line)) throw new Error(`not a plain field value: ${JSON.stringify(line)}`)
    const sorted = (list: ReadonlyArray<ReadonlyArray<readonly [string, string]>>): string => JSON.stringify(list.map(part => [...part].sort()))
    const read = sorted(parse(line))
    const wanted = sorted([...parts].reverse())
    if (read !== wanted) throw new Error(`${JSON.stringify(line)} reads as ${read}, not ${wanted}`)
  }), { numRuns: 400 })
  t.pass('for 400 subjects')
})

t.test('as RFC 4514 writes it', async t => {
  t.equal(subjectOf([utf8(OID.o, 'Acme, Inc.')], [utf8(OID.ou, 'R+D')], [utf8(OID.cn, '#1 <"ops">;')]), 'CN=\\#1 \\<\\"ops\\"\\>\\;,OU=R\\+D,O=Acme\\, Inc.')
  t.equal(subjectOf([utf8(OID.cn, 'Zoë')]), 'CN=Zo\\C3\\AB')
  t.equal(subjectOf([utf8(OID.cn, ' both ')]), 'CN=\\20both\\20', 'a space at an end does not get lost with the end of the line')
  t.equal(subjectOf([utf8(OID.cn, 'a + b')]), 'CN=a \\+ b')
  t.equal(subjectOf([utf8(OID.ou, 'a'), utf8(OID.cn, 'b')]), 'CN=b+OU=a')
})

t.test('older kinds of strings are read as what they say', async t => {
  t.equal(subjectOf([{ type: OID.cn, tag: STRING_TAG.bmp, value: Buffer.from('\u0000Z\u0000o\u0000ë', 'latin1') }]), 'CN=Zo\\C3\\AB')
  t.equal(subjectOf([{ type: OID.cn, tag: STRING_TAG.teletex, value: Buffer.from('Zo\xeb', 'latin1') }]), 'CN=Zo\\C3\\AB')
})

t.test('a subject that is empty, broken or too long', async t => {
  t.equal(subjectOf(), '')
  for (const value of [Buffer.of(0x41, 0xff), Buffer.of(0xc3), Buffer.of(0xed, 0xa0, 0x80)]) {
    t.throws(() => certificateWith([[{ type: OID.cn, tag: STRING_TAG.utf8, value }]]), value.toString('hex'))
  }
  t.equal(subjectOf([utf8(OID.cn, 'x'.repeat(5_000))]), undefined)
})
