import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parseAuthorities } from '../../../src/certificates/parse-pem.ts'
import { cpuMsOf } from '../../helpers/count-work.ts'

const pem = async (name: string): Promise<string> => await readFile(new URL(`../../fixtures/tls/upstream-${name}.pem`, import.meta.url), 'utf8')
const parse = (text: string): ReturnType<typeof parseAuthorities> => parseAuthorities({ bytes: Buffer.from(text) })
const [ca, other, key] = [await pem('ca'), await pem('other-ca'), await pem('key')]

t.test('certificates alone are kept, in order', async t => {
  t.match(parse(ca), { pem: ca, digest: /^[0-9a-f]{64}$/ })
  t.match(parse(`# ours\n${ca}\n\ncomment${other}${key}`), { pem: ca + other })
  t.same(parse(`\ufeff${ca.replaceAll('\n', '\r\n')}`), parse(ca.replaceAll('\n', '\r\n')))
})

t.test('the digest tells contents apart, not how they are wrapped', async t => {
  const digest = (text: string): unknown => Reflect.get(parse(text), 'digest')
  t.equal(digest(`${ca}\n# said later\n${other}`), digest(ca + other))
  t.not(digest(ca + other), digest(other + ca))
})

t.test('a file with anything that is wrong is refused as a whole', async t => {
  t.match(parse(''), { fault: /^has no certificate; PEM is expected/ })
  t.match(parse(key), { fault: /^has no certificate/ })
  t.match(parse(ca + other.replace('MII', 'MIj')), { fault: "is not valid PEM: certificate 2 in it can't be read" })
  t.match(parse(ca.slice(0, -20)), { fault: "is not valid PEM: certificate 1 in it can't be read" })
  t.match(parseAuthorities({ fault: 'does not exist' }), { fault: 'does not exist' })
})

t.test('a megabyte of beginnings takes no time', async t => {
  const text = '-----BEGIN CERTIFICATE-----\n'.repeat(37_000)
  const cpuMs = cpuMsOf(() => { t.match(parse(text), { fault: "is not valid PEM: certificate 1 in it can't be read" }) })
  t.ok(cpuMs < 2_000, `${cpuMs} ms`)
})
