import t from 'tap'
import { ChunkedDecoder } from '../../../src/http1/chunked-decoder.ts'
import { faultCode, faultName } from '../../../src/http1/parse-fault.ts'
import { latin1 } from '../../helpers/http1-message.ts'

interface Decoded { readonly data: string, readonly consumed: number, readonly done: boolean, readonly trailers: string | undefined, readonly fault: string }

/** Decodes text that comes in pieces of this size. */
function decode (text: string, size = text.length, takesPadding = false): Decoded {
  const decoder = new ChunkedDecoder(takesPadding)
  const bytes = latin1(text)
  let data = ''
  let from = 0
  while (from < bytes.length && !decoder.done) {
    const piece = Buffer.from(bytes.subarray(from, from + size))
    const length = decoder.decode(piece, 0, piece.length)
    if (length < 0) return { data, consumed: from, done: false, trailers: undefined, fault: faultName(length) }
    data += piece.toString('latin1', 0, length)
    from += decoder.consumed
  }
  return { data, consumed: from, done: decoder.done, trailers: decoder.trailers?.toString('latin1'), fault: '' }
}

t.test('the data of all chunks, whatever the pieces', async t => {
  const text = '3\r\nabc\r\n00A;name=val;q="x y"\r\n0123456789\r\n1\r\n\r\r\n000\r\n\r\n'
  for (let size = 1; size <= text.length; size++) {
    t.same(decode(text, size), { data: 'abc0123456789\r', consumed: text.length, done: true, trailers: undefined, fault: '' }, `pieces of ${size}`)
  }
})

t.test('the data is moved together where it lies, and bytes around it are left alone', async t => {
  const body = latin1('3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET / ')
  const buf = Buffer.concat([latin1('before'), body, latin1('behind')])
  const decoder = new ChunkedDecoder()
  t.equal(decoder.decode(buf, 6, 6 + body.length), 5)
  t.equal(buf.toString('latin1', 0, 11), 'beforeabcde')
  t.equal(decoder.consumed, body.length - 6)
  t.equal(buf.toString('latin1', 6 + decoder.consumed), 'GET / behind')
})

t.test('nothing is taken of what follows the body', async t => {
  t.same(decode('0\r\n\r\nGET / HTTP/1.1'), { data: '', consumed: 5, done: true, trailers: undefined, fault: '' })
  const text = '1\r\na\r\n0\r\nX: a\r\n\r\nGET / HTTP/1.1'
  for (let size = 1; size <= text.length; size++) t.equal(decode(text, size).consumed, text.length - 14, `pieces of ${size}`)
  const decoder = new ChunkedDecoder()
  decoder.decode(latin1('0\r\n\r\n'), 0, 5)
  t.equal(decoder.decode(latin1('1\r\na'), 0, 4), 0)
  t.equal(decoder.consumed, 0)
})

t.test('a body that has not come whole is not done', async t => {
  const text = '3\r\nabc\r\n0\r\nX: a\r\n\r\n'
  for (let length = 0; length < text.length; length++) t.equal(decode(text.slice(0, length)).done, false, `${length} bytes`)
})

t.test('a size is up to 13 hexadecimal digits and nothing else', async t => {
  for (const size of ['a', 'A', '00a', '000000000000a']) t.equal(decode(`${size}\r\n0123456789\r\n0\r\n\r\n`).data, '0123456789', size)
  t.equal(decode('fffffffffffff\r\nabc').data, 'abc', 'counted exactly, below 2^53')
  for (const size of ['', '0000000000000a', 'fffffffffffffff', '10000000000000003', 'g', '0x3', '+3', '-3', ' 3', '\t3', '0_3', '3Z', '3,', '3\0', '3.0', '\xb3', '-0']) {
    t.equal(decode(`${size}\r\nabc\r\n0\r\n\r\n`).fault, 'bad_chunk_size', JSON.stringify(size))
  }
  for (const size of ['3 ', '3\t', '3 x', '3\n']) t.equal(decode(`${size}\r\nabc\r\n0\r\n\r\n`).fault, 'bad_chunk_extension', JSON.stringify(size))
})

t.test('white space behind a size belongs to an extension; a server may pad its sizes with it', async t => {
  const padded = '3 \r\nabc\r\n001\t  \r\nd\r\n0 \r\nX: a\r\n\r\n'
  const spaced = padded.replaceAll(/[ \t]+\r\n(?!\r)/g, space => `${space.trimEnd()} \t ;a\r\n`)
  for (const text of [padded, spaced]) {
    for (let size = 1; size <= text.length; size++) {
      t.same(decode(text, size, true), { data: 'abcd', consumed: text.length, done: true, trailers: 'X: a\r\n', fault: '' }, `pieces of ${size}`)
    }
  }
  t.equal(decode(spaced).data, 'abcd')
  for (const line of ['3 x', '3 3', '3 \n', '3 =a', '3 ;', '3\t;a=', '3 \r\r', '3 \0']) {
    for (const takesPadding of [false, true]) {
      t.equal(decode(`${line}\r\nabc\r\n0\r\n\r\n`, undefined, takesPadding).fault, 'bad_chunk_extension', JSON.stringify(line))
    }
  }
  t.equal(decode(' 3\r\nabc\r\n0\r\n\r\n', undefined, true).fault, 'bad_chunk_size', 'not before it')
  const long = `1${' '.repeat(1_000)}\r\na\r\n`
  t.equal(decode(`${long.repeat(16)}0\r\n\r\n`, undefined, true).data.length, 16)
  t.equal(decode(`${long.repeat(17)}0\r\n\r\n`, undefined, true).fault, 'chunk_extension_too_long', 'it is bounded over the whole body')
})

t.test('the size line ends in CR LF', async t => {
  for (const line of ['3\nabc\r\n', '3\r\rabc', '3\rabc', '3;a\nabc', '3;a\r;\nabc', '3\r\r;x\nabc\r\n']) t.equal(decode(`${line}0\r\n\r\n`).fault, 'bad_chunk_extension', JSON.stringify(line))
})

t.test('data is followed by CR LF and is neither longer nor shorter than its size', async t => {
  for (const data of ['abc\n', 'abcXX', 'abcd\r\n', 'abc0\r\n', 'abc\r\r\n', 'abc\rX', 'ab\r\n0\r\n']) t.equal(decode(`3\r\n${data}0\r\n\r\n`).fault, 'bad_chunk_end', JSON.stringify(data))
})

t.test('extensions: names with or without values, as RFC 9112 writes them', async t => {
  for (const extension of [';a', ';a=b', ';a="b"', ';a=""', ';a="\\""', ';a="\\\\"', ';a="b;c=d"', ';a;b;c=d', '; a', ';\ta = b ; c', ';a ', ';a="b" ', ";!#$%&'*+-.^_`|~9=x", ';a="\xe9"', ';a="b\tc"']) {
    t.equal(decode(`3${extension}\r\nabc\r\n0${extension}\r\n\r\n`).data, 'abc', extension)
  }
  for (const extension of [';', ';;a', ';a;', ';=b', ';a=', ';a==b', ';a=b=c', ';a="b', ';a="b"c', ';a="b\\', ';a=b"', ';a b', ';a=b c', ';\xe9', ';a=\xe9', ';a\0', ';a="\0"', ';a="\\\0"', ';a="\n"', ';a=b,c', ';\n']) {
    t.equal(decode(`3${extension}\r\nabc\r\n0\r\n\r\n`).fault, 'bad_chunk_extension', JSON.stringify(extension))
  }
})

t.test('extensions are bounded over the whole body', async t => {
  const chunk = `1;${'a'.repeat(1022)}\r\nx\r\n`
  t.equal(decode(`${chunk.repeat(15)}0\r\n\r\n`).fault, '')
  t.equal(decode(`${chunk.repeat(17)}0\r\n\r\n`).fault, 'chunk_extension_too_long')
  t.equal(decode(`1;${'a'.repeat(20_000)}`).fault, 'chunk_extension_too_long')
})

t.test('trailers without a meaning for the message are kept as they came, in order', async t => {
  const text = '0\r\nX-B: 1\r\nx-a:2 \t\r\nx-b:\r\n\r\n'
  for (let size = 1; size <= text.length; size++) {
    t.same(decode(text, size), { data: '', consumed: text.length, done: true, trailers: 'X-B: 1\r\nx-a:2 \t\r\nx-b:\r\n', fault: '' }, `pieces of ${size}`)
  }
})

t.test('trailers that would frame, route, authenticate or steer are left out', async t => {
  const forbidden = [
    'Content-Length', 'Transfer-Encoding', 'Host', 'Connection', 'Keep-Alive', 'TE', 'Trailer', 'Upgrade', 'Expect', 'Max-Forwards', 'Date', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Request-Id', 'Authorization', 'Proxy-Authorization',
    'Cookie', 'Set-Cookie', 'Cache-Control', 'Pragma', 'If-Match', 'If-None-Match', 'If-Range', 'Range', 'Content-Type', 'Content-Encoding', 'Content-Range', 'Location', 'Vary', 'Via', 'Forwarded', 'WWW-Authenticate', 'content-LENGTH'
  ]
  t.equal(decode(`0\r\n${forbidden.map(name => `${name}: chunked\r\n`).join('')}X: a\r\n\r\n`).trailers, 'X: a\r\n')
  t.equal(decode('0\r\nContent-Length: 5\r\n\r\n').trailers, undefined)
})

t.test('a trailer that is not a field line is refused', async t => {
  for (const lines of ['X\r\n\r\n', 'X: a\n\r\n', 'X: a\r\n\n', ' X: a\r\n\r\n', 'X: a\r\n b\r\n\r\n', 'X : a\r\n\r\n', ': a\r\n\r\n', 'X: \0\r\n\r\n', 'X: a\rb\r\n\r\n', '\rX', '\n', 'GET / HTTP/1.1\r\n\r\n']) {
    for (const size of [1, 100]) t.equal(decode(`0\r\n${lines}`, size).fault, 'bad_trailer', JSON.stringify(lines))
  }
})

t.test('the trailer section is bounded in fields and bytes, whatever the pieces', async t => {
  const section = (bytes: number): string => `X: ${'a'.repeat(bytes - 7)}\r\n\r\n`
  for (const size of [4096, 100_000]) {
    t.equal(decode(`0\r\n${section(16_384)}`, size).done, true)
    t.equal(decode(`0\r\n${section(16_385)}`, size).fault, 'trailers_too_large')
    t.equal(decode(`0\r\n${'X:\r\n'.repeat(64)}\r\n`, size).done, true)
    t.equal(decode(`0\r\n${'X:\r\n'.repeat(65)}\r\n`, size).fault, 'trailers_too_large')
    t.equal(decode(`0\r\nX: ${'a'.repeat(40_000)}`, size).fault, 'trailers_too_large')
  }
})

t.test('reset forgets everything', async t => {
  const decoder = new ChunkedDecoder()
  for (const text of ['3;a', '3\r\na', '3\r\nabc\r', '0\r\nX: a', '0\r\nX: a\r\n\r\n', `1;${'a'.repeat(16_000)}\r\nx`]) {
    decoder.decode(latin1(text), 0, text.length)
    decoder.reset()
    const whole = latin1(`1;${'b'.repeat(16_000)}\r\nz\r\n0\r\n\r\n`)
    t.equal(decoder.decode(whole, 0, whole.length), 1)
    t.equal(decoder.done, true)
    t.equal(decoder.trailers, undefined)
    decoder.reset()
  }
})

t.test('faults of a body are malformed_body, an endless trailer section is head_too_large', async t => {
  const code = (text: string): string => faultCode(new ChunkedDecoder().decode(latin1(text), 0, text.length))
  for (const text of ['x', '3;=\r\n', '1\r\nab', '0\r\nX\r\n']) t.equal(code(text), 'malformed_body', text)
  t.equal(code(`0\r\nX: ${'a'.repeat(20_000)}`), 'head_too_large')
})
