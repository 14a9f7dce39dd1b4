import t from 'tap'
import { isIPv6 } from 'node:net'
import { HEX_VALUE, HOST_CHAR, LOWER, TARGET_CHAR, TOKEN_CHAR, VALUE_CHAR } from '../../../src/http1/char-table.ts'
import { CONNECTION, connectionOptions, tokenIs } from '../../../src/http1/connection-options.ts'
import { contentLength, isCanonicalLength } from '../../../src/http1/message-length.ts'
import { FIELD, fieldId } from '../../../src/http1/field-id.ts'
import { hostFault } from '../../../src/http1/request-head-fields.ts'
import { FAULT, faultCode, faultName, faultText } from '../../../src/http1/parse-fault.ts'
import { isOriginClaim, isReservedField } from '../../../src/core/protected-fields.ts'
import { PROXY_ERROR_CODES } from '../../../src/core/proxy-error.ts'
import { latin1 } from '../../helpers/http1-message.ts'

/** Calls a function with text in the midst of other bytes. */
function within<T> (text: string, read: (buf: Buffer, start: number, end: number) => T): T {
  const buf = latin1(`9a,:${text}9a,:`)
  return read(buf, 4, 4 + text.length)
}

const chars = (table: Uint8Array): string => Array.from({ length: 256 }, (_, byte) => table[byte] === 1 ? String.fromCharCode(byte) : '').join('')

t.test('characters: tokens, values, targets and hosts', async t => {
  const alphanumeric = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const sorted = (text: string): string => [...text].sort().join('')
  t.equal(chars(TOKEN_CHAR), sorted(`${alphanumeric}!#$%&'*+-.^_\`|~`), 'RFC 9110 section 5.6.2')
  t.equal(chars(HOST_CHAR), sorted(`${alphanumeric}-._~!$&'()*+;=%`), 'RFC 3986 section 3.2.2 without the comma')
  for (let byte = 0; byte < 256; byte++) {
    t.equal(VALUE_CHAR[byte], byte === 9 || (byte >= 32 && byte !== 127) ? 1 : 0)
    t.equal(TARGET_CHAR[byte], byte > 32 && byte < 127 && byte !== 35 ? 1 : 0)
    t.equal(LOWER[byte], /[A-Z]/.test(String.fromCharCode(byte)) ? byte + 32 : byte)
    t.equal(HEX_VALUE[byte], /[0-9a-fA-F]/.test(String.fromCharCode(byte)) ? Number.parseInt(String.fromCharCode(byte), 16) : 255)
  }
})

t.test('the options of Connection', async t => {
  const options = (text: string): number => within(text, connectionOptions)
  t.equal(options(''), 0)
  t.equal(options(' ,\t, '), 0)
  t.equal(options('close'), CONNECTION.close)
  t.equal(options('KEEP-ALIVE'), CONNECTION.keepAlive)
  t.equal(options(',Upgrade ,, close\t,'), CONNECTION.upgrade | CONNECTION.close)
  for (const other of ['closed', 'clos', 'clxse', 'keep_alive', 'upgrades', 'TE', 'a-very-long-token-that-nobody-knows']) t.equal(options(other), CONNECTION.nominates, other)
  for (const bad of ['a b', 'a;b', 'a=b', '"a"', 'a/b', 'a\0', '\xe9', 'close\x85', '(a)']) t.equal(options(bad), FAULT.bad_connection, JSON.stringify(bad))
})

t.test('tokenIs compares in any case', async t => {
  t.equal(tokenIs(latin1('xChUnKeD'), 1, 'chunked'), true)
  t.equal(tokenIs(latin1('xChUnKe'), 1, 'chunked'), false)
  // In Unicode, the Kelvin sign is a K in other letters.
  t.equal(tokenIs(Buffer.from('chun\u212aed', 'utf8'), 0, 'chunked'), false)
})

t.test('Content-Length values', async t => {
  const length = (text: string): number => within(text, contentLength)
  t.equal(length('0'), 0)
  t.equal(length('0042'), 42)
  t.equal(length('9007199254740991'), Number.MAX_SAFE_INTEGER)
  t.equal(length(`${'0'.repeat(100)}7`), 7)
  for (const bad of ['', '9007199254740992', '9'.repeat(4000), '1 ', ' 1', '-1', '+1', '1.', '0x1', '1e1', '1_0', '\xb9']) t.equal(length(bad), FAULT.bad_content_length, bad)
  const canonical = (text: string): boolean => within(text, isCanonicalLength)
  t.same(['0', '5', '10'].map(canonical), [true, true, true])
  t.same(['00', '05', '010'].map(canonical), [false, false, false])
})

t.test('hosts: names, addresses, ports', async t => {
  const fault = (text: string): number => within(text, hostFault)
  for (const good of ['a', 'A-b.c_d~e', '1.2.3.4', 'a:0', 'a:65535', 'a:', '%41b', 'x%C3%A9', "!$&'()*+;=", '[::]', '[::1]:80', '[2001:db8:1:2:3:4:5:6]', '[::ffff:192.0.2.1]', 'a'.repeat(255)]) t.equal(fault(good), 0, good)
  for (const bad of ['', ':', ':80', 'a:b', 'a:1:2', 'a:123456', 'a:-1', 'a b', 'a,b', 'a/b', 'a?b', 'a#b', 'a@b', 'a\\b', 'a"b', 'a|b', 'a[b]', '%', '%4', 'a%4g', 'a%', '\xe9', 'a\0b', '\x7f', '[', '[]', '[::1', '::1', '[::1]a', '[::1]:x', '[1]', '[.]', '[:]', '[:::]', '[1.2.3.4]', '[::1%25eth0]', '[fe80::1%eth0]', '[v1.a]', '[::g]', 'a'.repeat(261)]) {
    t.equal(fault(bad), FAULT.bad_host, bad)
  }
  t.equal(isIPv6('::ffff:192.0.2.1'), true)
})

t.test('known fields are recognised in any case, and nothing else is', async t => {
  const id = (text: string): number => within(text, fieldId)
  const names = {
    Host: FIELD.host,
    connection: FIELD.connection,
    'CONTENT-LENGTH': FIELD.contentLength,
    'Transfer-encoding': FIELD.transferEncoding,
    'keep-alive': FIELD.keepAlive,
    'Proxy-Connection': FIELD.proxyConnection,
    te: FIELD.te,
    Upgrade: FIELD.upgrade,
    expect: FIELD.expect,
    'X-Forwarded-For': FIELD.xForwardedFor,
    'x-forwarded-proto': FIELD.xForwardedProto,
    'x-forwarded-host': FIELD.xForwardedHost,
    'x-request-id': FIELD.xRequestId,
    Date: FIELD.date,
    'max-forwards': FIELD.maxForwards,
    Trailer: FIELD.trailer,
    'HTTP2-Settings': FIELD.http2Settings,
    Forwarded: FIELD.originClaim,
    'X-Real-IP': FIELD.originClaim,
    'Client-Cert': FIELD.reserved,
    'client-cert-CHAIN': FIELD.reserved,
    Authorization: FIELD.credentials,
    'proxy-Authorization': FIELD.credentials,
    'WWW-Authenticate': FIELD.challenge,
    'Proxy-Authenticate': FIELD.challenge,
    Via: FIELD.via,
    cookie: FIELD.cookie
  }
  for (const [name, expected] of Object.entries(names)) {
    // What is no known field may still be of a family.
    const unknown = /^x-forwarded-/i.test(name) ? FIELD.originClaim : FIELD.other
    t.equal(id(name), expected, name)
    t.equal(id(name.toUpperCase()), expected)
    t.equal(id(`${name}x`), unknown)
    t.equal(id(name.slice(0, -1)), unknown)
    t.equal(id(name.replace(/.$/, '_')), unknown)
    if (name.includes('-')) for (const odd of "!#$%&'*+.^_`|~") t.equal(id(name.replace('-', () => odd)), FIELD.lookalike)
  }
  // What a cookie says is no name: versionCookie is said of a line later.
  const others = [FIELD.other, FIELD.lookalike, FIELD.versionCookie]
  t.same(new Set([...Object.values(names), ...others]), new Set(Object.values(FIELD)), 'all of them')
  // With the bit that tells cases apart flipped, other characters must not become letters of a name.
  t.equal(id('content\rlength'), FIELD.other)
  t.equal(id('x'.repeat(500)), FIELD.other)
  t.equal(id(''), FIELD.other)
})

t.test('fields of a family are recognised by the beginning of their names, in any case', async t => {
  const id = (text: string): number => within(text, fieldId)
  for (const [expected, names] of [
    [FIELD.originClaim, ['X-Forwarded-Port', 'x-forwarded-prefix', 'X-FORWARDED-SSL', 'x-forwarded-', 'X-Forwarded-Client', `x-forwarded-${'y'.repeat(200)}`, 'x-forwarded-a_b']],
    [FIELD.reserved, ['X-Weir-Version', 'x-weir-', 'X-Client-Cert-Subject', 'x-client-cert-', 'X-Forwarded-Client-Cert', 'x-forwarded-client-cert-chain', 'X-FORWARDED-CLIENT-CERTS']],
    [FIELD.lookalike, ['X_Forwarded_Port', 'x-forwarded_port', 'X_Weir-Version', 'x_client_cert_subject', 'X-Forwarded-Client_Cert', 'x-weir_', 'x.forwarded.port', 'X!Weir~Version', 'x-client|cert^subject']],
    [FIELD.other, ['X-Forwarded', 'X-Forward-For', 'X-Weir', 'X-Weird', 'X-Client-Cert', 'X-Client-Certs', 'Client-Certs', 'Client-Cert-', 'xx.forwarded.port', 'XX-Weir-Version', 'x', '\x18-weir-version']]
  ] as const) {
    for (const name of names) t.equal(id(name), expected, name)
  }
})

t.test('the configuration knows the same fields by name as the codec does', async t => {
  const names = ['Client-Cert', 'client-cert-chain', 'X-Client-Cert-Subject', 'X-Weir-Shadow', 'X-Forwarded-Client-Cert', 'Forwarded', 'X-Real-IP', 'X-Forwarded-Port', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Client-Cert', 'X-User', 'Authorization', 'X-Weir']
  const claims: readonly number[] = [FIELD.originClaim, FIELD.xForwardedFor, FIELD.xForwardedHost, FIELD.xForwardedProto]
  for (const name of names) {
    const known = within(name, fieldId)
    t.equal(isReservedField(name), known === FIELD.reserved, name)
    t.equal(!isReservedField(name) && isOriginClaim(name), claims.includes(known), name)
    t.equal(isReservedField(name.replaceAll('-', '_')), known === FIELD.reserved, `${name} as origins fold it`)
  }
})

t.test('every fault has its own negative number, a text, and a code of the error table', async t => {
  const numbers = Object.values(FAULT)
  t.equal(new Set(numbers).size, numbers.length)
  for (const [name, number] of Object.entries(FAULT)) {
    t.ok(number < 0)
    t.equal(faultName(number), name)
    t.ok(PROXY_ERROR_CODES.includes(faultCode(number)), name)
    t.match(faultText(number), /^[a-z].*[^.]$/)
  }
  for (const number of [0, 1, -1000]) t.throws(() => faultName(number), RangeError)
})
