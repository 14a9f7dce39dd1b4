import t from 'tap'
import { parseKeyPair } from '../../../src/certificates/parse-pem.ts'
import type { FileContent } from '../../../src/certificates/watched-files.ts'
import { tlsPem } from '../../helpers/listener-certificates.ts'

const file = (text: string): FileContent => ({ bytes: Buffer.from(text) })
const cert = tlsPem('listener-default')
const key = tlsPem('listener-key')
const parse = (certificate: string, privateKey: string): ReturnType<typeof parseKeyPair> => parseKeyPair(file(certificate), file(privateKey))

t.test('a pair with its names and its time', async t => {
  t.match(parse(cert, key), { names: ['default.test'], validFromMs: Date.UTC(2020, 0, 1), validToMs: Date.UTC(2126, 0, 1), cert, key })
  t.match(parse(tlsPem('listener-exact'), key), { names: ['api.example.test', 'example.test'] })
  t.match(parse(tlsPem('listener-wildcard'), key), { names: ['*.example.test'] })
  t.match(parse(tlsPem('listener-nameless'), key), { names: [] }, 'a common name is not looked at')
  t.match(parse(tlsPem('listener-rsa'), tlsPem('listener-rsa-key')), { names: ['rsa.test'] })
})

t.test('a chain is kept, comments and other things are left out', async t => {
  const chained = tlsPem('listener-chained')
  t.match(parse(`subject=CN\n${chained}\n${key}`, `# a key\n${cert}${key}`), { names: ['chained.test'], cert: chained, key })
  t.match(parse(cert.replaceAll('\n', '\r\n'), key.replaceAll('\n', '\r\n')), { names: ['default.test'] }, 'lines that end as on Windows')
})

t.test('what is wrong, with the file that it is about', async t => {
  const faults: ReadonlyArray<readonly [cert: string, key: string, of: string, fault: RegExp]> = [
    ['', key, 'cert', /is empty/],
    [' \n', key, 'cert', /is empty/],
    [cert, '', 'key', /is empty/],
    [key, key, 'cert', /has no certificate; PEM is expected/],
    [cert, cert, 'key', /has no private key; PEM is expected/],
    ['\0\x01binary', key, 'cert', /has no certificate/],
    [cert.replace(/MII/, 'XXX'), key, 'cert', /certificate 1 in it can't be read/],
    [cert.slice(0, 200), key, 'cert', /has no certificate|has no proper end/],
    [`${cert}${cert.slice(0, 200)}`, key, 'cert', /has no proper end/],
    [cert.repeat(17), key, 'cert', /has 17 certificates/],
    [cert, key.replace(/MIG/, 'XXX'), 'key', /the private key in it can't be read/],
    [cert, tlsPem('listener-encrypted-key'), 'key', /is encrypted.*openssl pkey/],
    [cert, '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAA==\n-----END EC PRIVATE KEY-----\n', 'key', /is encrypted/],
    [cert, tlsPem('listener-renewed-key'), 'key', /does not belong to the certificate/],
    [cert, tlsPem('listener-rsa-key'), 'key', /does not belong to the certificate/],
    [`${tlsPem('listener-ca')}${cert}`, key, 'cert', /the certificate of the key as number 2; put it first/]
  ]
  for (const [certificate, privateKey, of, fault] of faults) t.match(parse(certificate, privateKey), { of, fault }, String(fault))
})

t.test('files that could not be read say why', async t => {
  t.strictSame(parseKeyPair({ fault: 'does not exist' }, file(key)), { of: 'cert', fault: 'does not exist' })
  t.strictSame(parseKeyPair(file(cert), { fault: 'is not a regular file' }), { of: 'key', fault: 'is not a regular file' })
})
