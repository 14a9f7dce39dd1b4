import t from 'tap'
import { faultCode, faultName } from '../../../src/http1/parse-fault.ts'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { WIDE_LIMITS } from '../../helpers/weir-http1-reader.ts'

function parse (requestLine: string, fields = 'Host: a\r\n'): { head: RequestHead, fault: string } {
  const bytes = latin1(`${requestLine}\r\n${fields}\r\n`)
  const head = new RequestHead(WIDE_LIMITS)
  head.reset(bytes, 0)
  const outcome = head.parse(bytes.length)
  return { head, fault: outcome < 0 ? faultName(outcome) : outcome === 1 ? '' : 'incomplete' }
}

t.test('origin form: the target is kept byte by byte, path and query are told apart', async t => {
  for (const [target, path, query] of [
    ['/', '/', ''], ['/a/b', '/a/b', ''], ['/a?b=c?d', '/a', 'b=c?d'], ['/?', '/', ''], ['//a/../%2e%2E;x=y/', '//a/../%2e%2E;x=y/', ''],
    ['/"<>\\^`{|}', '/"<>\\^`{|}', ''], ['/*', '/*', ''], ['/http://a/', '/http://a/', '']
  ] as const) {
    const { head, fault } = parse(`GET ${target} HTTP/1.1`)
    t.equal(fault, '', target)
    t.same([head.method(), head.target(), head.path(), head.query(), head.host()], ['GET', target, path, query, 'a'])
  }
})

t.test('absolute form: its authority stands for Host, and an empty path is a slash', async t => {
  for (const [target, authority, host, path, query] of [
    ['http://b/c', 'b', 'b', '/c', ''], ['HTTP://B.example:81', 'B.example:81', 'b.example', '/', ''], ['https://b?c', 'b', 'b', '/', 'c'],
    ['http://[2001:db8::1]:80/x?y', '[2001:db8::1]:80', '[2001:db8::1]', '/x', 'y'], ['http://192.0.2.1/?', '192.0.2.1', '192.0.2.1', '/', '']
  ] as const) {
    const { head, fault } = parse(`GET ${target} HTTP/1.1`)
    t.equal(fault, '', target)
    t.same([head.authority(), head.host(), head.path(), head.query()], [authority, host, path, query])
  }
})

t.test('a target of no form that a gateway serves is refused', async t => {
  for (const target of ['a', 'a/b', '*', '*a', '?a', 'http:', 'http:/', 'http://', 'http:///a', 'http://?a', 'http://u@b/', 'http://u:p@b/', 'http://b:x/', 'http://b:123456/', 'ftp://b/', 'httpx://b/', 'http:b', 'ws://b/', '/#a', '/a#', 'http://b/#a']) {
    t.equal(parse(`GET ${target} HTTP/1.1`).fault, 'bad_target', target)
  }
  for (const byte of ['\0', '\x01', '\t', '\x0b', '\x7f', '\x80', '\xe9', '\xff']) t.equal(parse(`GET /a${byte}b HTTP/1.1`).fault, 'bad_target', JSON.stringify(byte))
})

t.test('the asterisk belongs to OPTIONS', async t => {
  const { head, fault } = parse('OPTIONS * HTTP/1.1')
  t.equal(fault, '')
  t.equal(head.target(), '*')
  t.equal(parse('OPTIONS ** HTTP/1.1').fault, 'bad_target')
  t.equal(parse('options * HTTP/1.1').fault, 'bad_target', 'methods are case-sensitive')
})

t.test('CONNECT is refused in every form', async t => {
  for (const target of ['a:80', '/', 'http://a/', '*']) {
    t.equal(parse(`CONNECT ${target} HTTP/1.1`).fault, 'connect_method', target)
  }
  t.equal(parse('connect / HTTP/1.1').fault, '', 'another method')
})

t.test('a method is any token of up to 32 characters, and nothing else', async t => {
  for (const method of ['GET', 'get', 'PROPFIND', "!#$%&'*+-.^_`|~9", 'M'.repeat(32)]) {
    const { head, fault } = parse(`${method} / HTTP/1.1`)
    t.equal(fault, '', method)
    t.equal(head.method(), method)
    t.ok(head.methodIs(method))
    t.notOk(head.methodIs(`${method}X`))
  }
  for (const method of ['M'.repeat(33), '', 'G(T', 'G:T', 'G\tT', 'G\0T', 'G\xc9T', ' GET', '\tGET', '"GET"', '\rGET', '\nGET']) {
    t.equal(parse(`${method} / HTTP/1.1`).fault, 'bad_method', JSON.stringify(method))
  }
})

t.test('one space separates the parts of the line', async t => {
  for (const [line, fault] of [
    ['GET  / HTTP/1.1', 'bad_target'], ['GET /  HTTP/1.1', 'bad_version'], ['GET\t/ HTTP/1.1', 'bad_method'], ['GET /\tHTTP/1.1', 'bad_target'],
    ['GET / HTTP/1.1 ', 'bad_version'], ['GET / a HTTP/1.1', 'bad_version'], ['GET /', 'bad_version'], ['GET / ', 'bad_version'], ['GET', 'bad_method']
  ] as const) t.equal(parse(line).fault, fault, line)
})

t.test('minor versions beyond 1 are 1.1, other major versions are refused', async t => {
  t.equal(parse('GET / HTTP/1.0').head.minor, 0)
  for (const minor of [1, 2, 9]) {
    const { head, fault } = parse(`GET / HTTP/1.${minor}`)
    t.equal(fault, '')
    t.equal(head.minor, 1)
  }
  for (const version of ['HTTP/2.0', 'HTTP/0.9', 'HTTP/3.1']) t.equal(parse(`GET / ${version}`).fault, 'version_not_supported', version)
  for (const version of ['http/1.1', 'HTTQ/1.1', 'HTTP/1,1', 'HTTP/1.10', 'HTTP/11.1', 'HTTP/1.', 'HTTP/1', 'HTTP 1.1', 'HTTP/x.1', 'HTTP/1.x', 'HTTP/+1.1', 'ICE/1.0']) {
    t.equal(parse(`GET / ${version}`).fault, 'bad_version', version)
  }
  t.equal(parse('PRI * HTTP/2.0', '').fault, 'version_not_supported', 'the preface of HTTP/2')
})

t.test('lines end in CR LF', async t => {
  const fault = (text: string): string => {
    const bytes = latin1(text)
    const head = new RequestHead(WIDE_LIMITS)
    head.reset(bytes, 0)
    const outcome = head.parse(bytes.length)
    return outcome < 0 ? faultName(outcome) : String(outcome)
  }
  t.equal(fault('GET / HTTP/1.1\nHost: a\n\n'), 'bad_line_end')
  t.equal(fault('GET / HTTP/1.1\r\r\nHost: a\r\n\r\n'), 'bad_version')
  t.equal(fault('GET / HTTP/1.1\r\nHost: a\n\r\n'), 'bad_line_end')
  t.equal(fault('GET / HTTP/1.1\r\nHost: a\r\n\n'), 'bad_line_end')
  t.equal(fault('GET / HTTP/1.1\r\nHost: a\r\n\rX'), 'bad_line_end')
  t.equal(fault('GET / HTTP/1.1\r\nHost: a\rX\r\n\r\n'), 'bad_line_end')
  t.equal(fault('GET /\nHost: a\r\n\r\n'), 'bad_version')
})

t.test('one empty line before the request line is ignored, two are not', async t => {
  const { head, fault } = parse('\r\nGET / HTTP/1.1')
  t.equal(fault, '')
  t.equal(head.start, 2)
  t.equal(head.method(), 'GET')
  for (const before of ['\r\n\r\n', '\n', '\r', '\n\r', '\r\n\n', '\r\r\n']) t.equal(parse(`${before}GET / HTTP/1.1`).fault, 'bad_method', JSON.stringify(before))
})

t.test('what is no request is refused before its line ends', async t => {
  for (const [text, fault] of [
    ['\x16\x03\x01\x02\x00\x01', 'bad_method'], ['GET / HTTX', 'bad_version'], ['GET / FTP', 'bad_version'], ['GET /\0', 'bad_target'], ['M'.repeat(40), 'bad_method'], ['{"a"', 'bad_method']
  ] as const) {
    const bytes = latin1(text)
    const head = new RequestHead(WIDE_LIMITS)
    head.reset(bytes, 0)
    const outcome = head.parse(bytes.length)
    t.ok(outcome < 0)
    t.equal(faultName(outcome), fault)
  }
})

t.test('each fault of the line leads to the status of its kind', async t => {
  const codes = (line: string): string => {
    const bytes = latin1(`${line}\r\nHost: a\r\n\r\n`)
    const head = new RequestHead({ ...WIDE_LIMITS, maxUriBytes: 20 })
    head.reset(bytes, 0)
    return faultCode(head.parse(bytes.length))
  }
  t.equal(codes('GET / HTTP/2.0'), 'version_not_supported')
  t.equal(codes('CONNECT a:1 HTTP/1.1'), 'method_not_supported')
  t.equal(codes(`GET /${'a'.repeat(20)} HTTP/1.1`), 'uri_too_long')
  t.equal(codes('GET * HTTP/1.1'), 'malformed_request')
})
