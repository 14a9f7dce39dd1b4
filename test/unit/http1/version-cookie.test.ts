import t from 'tap'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { rewriteRequestHead, rewrittenHeadBound } from '../../../src/http1/rewrite-request-head.ts'
import { countBlocks } from '../../helpers/count-work.ts'

const LIMITS = { maxHeadBytes: 32_768, maxHeaderFields: 128, maxUriBytes: 16_384 }
const EDITS = { prefix: Buffer.from('X-Request-Id: '), requestId: Buffer.from('1'), forwardedHost: undefined, defaultHost: '', dropClaims: false, fields: null }

/** The cookies that go on, as a codec of HTTP/1 and any other codec write them, and whether the request says which version it wants. */
function forwarded (fields: string) {
  const head = new RequestHead(LIMITS)
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`, 'latin1')
  head.reset(bytes, 0)
  if (head.parse(bytes.length) !== 1) throw new Error(`not a head: ${fields}`)
  const visited: string[] = []
  head.eachField((name, value) => { if (name.toLowerCase() === 'cookie') visited.push(value) })
  const out = Buffer.alloc(34_000)
  const text = out.toString('latin1', 0, rewriteRequestHead(head, EDITS, out, 0))
  const written = [...text.matchAll(/^cookie:[ \t]*(.*?)[ \t]*\r$/gim)].map(found => found[1] ?? '')
  return { cookies: written, visited, text, claims: head.claimsVersion }
}

t.test('a cookie that says which version is wanted goes on in no spelling, and takes no other one with it', async t => {
  const names = [
    'weir-version', 'Weir-Version', 'WEIR_VERSION', 'weir_version', 'weir.version', 'weir version', 'weir%2Dversion', '%77eir-version',
    'weir%5Fversion', '"weir-version"', ' weir-version ', '\tweir-version', '\xa0weir-version', '__weir-version', 'weir-version%20',
    'weir-version[0]', 'weir_version[]', 'weir-version%5Ba%5D', 'weir[version', `weir-version[${'x'.repeat(60)}]`, `weir-version${' '.repeat(60)}`
  ]
  for (const name of names) {
    for (const pair of [`${name}=canary`, `${name}="canary"`, name, `${name}=`]) {
      t.match(forwarded(`Cookie: a=1; ${pair}; b=2\r\n`), { cookies: ['a=1; b=2'], visited: ['a=1; b=2'], claims: true }, pair)
      t.match(forwarded(`Cookie: ${pair}\r\n`), { cookies: [], visited: [], claims: true }, `${pair} alone`)
      t.match(forwarded(`cookie:${pair}; a=1\r\n`), { cookies: ['a=1'], claims: true }, `${pair} first`)
      t.match(forwarded(`Cookie: a=1,${pair}\r\n`), { cookies: ['a=1'], claims: true }, `${pair} behind a comma`)
    }
  }
})

t.test('several lines and several cookies', async t => {
  const fields = 'Cookie: a=1; weir-version=x\r\nX-Other: 1\r\nCookie: b=2\r\nCOOKIE: weir_version=y;c=3; WEIR-VERSION=z\r\n'
  t.match(forwarded(fields), { cookies: ['a=1', 'b=2', 'c=3'], claims: true, text: /X-Other: 1\r\n/ })
  const many = Array.from({ length: 100 }, (_, index) => `Cookie:weir-version=${index};k${index}=v\r\n`).join('')
  t.equal(forwarded(many).cookies.length, 100)
})

t.test('cookies stay in their order, which says which of two of one name counts', async t => {
  for (const cookies of ['Cookie: sid=1; weir-version=x\r\nCookie: sid=2\r\n', 'Cookie: sid=1\r\nCookie: weir-version=x; sid=2\r\n', 'Cookie: sid=1\r\nCookie: sid=2\r\nCookie: weir-version=x\r\n']) {
    t.match(forwarded(cookies), { cookies: ['sid=1', 'sid=2'], visited: ['sid=1', 'sid=2'] }, cookies)
  }
})

t.test('there is room for as many lines as there may be', async t => {
  const head = new RequestHead({ ...LIMITS, maxHeaderFields: 3_000, maxHeadBytes: 65_536 })
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\nCookie:weir-version=x\r\n${'Cookie:a\r\n'.repeat(2_500)}\r\n`, 'latin1')
  head.reset(bytes, 0)
  t.equal(head.parse(bytes.length), 1)
  const out = Buffer.alloc(rewrittenHeadBound(head, EDITS))
  const text = out.toString('latin1', 0, rewriteRequestHead(head, EDITS, out, 0))
  t.equal(text.split('Cookie: a\r\n').length, 2_501)
  t.ok(text.endsWith('\r\n\r\n'))
})

t.test('a line of Cookie that Connection names stays away as a whole', async t => {
  t.match(forwarded('Connection: cookie\r\nCookie: a=1; weir-version=x\r\n'), { cookies: [], visited: [] })
})

t.test('other cookies go on as they came', async t => {
  for (const value of ['a=1', 'weir=1; version=2', 'weir-versions=1', 'weir-versions[0]=1', 'weir=[weir-version]', `weir-version-${'x'.repeat(60)}=1`, 'xweir-version=1', 'a=weir-version', 'a=b=weir-version=1', 'w=1; we=2', ';;; a=1;', '%', '%zz=1', '']) {
    t.match(forwarded(`Cookie: ${value}\r\n`), { cookies: [value], visited: [value], claims: false }, value)
  }
})

t.test('the header goes on in no spelling, and only its own name says something', async t => {
  for (const name of ['X-Weir-Version', 'x-weir-version', 'X-WEIR-VERSION']) t.match(forwarded(`${name}: canary\r\n`), { claims: true, text: /^(?![^]*canary)/ }, name)
  for (const name of ['x_weir_version', 'X-Weir.Version', 'X_Weir-Version', 'X|Weir|Version', "x'weir-version", 'X-Weir-Version-2']) {
    t.match(forwarded(`${name}: canary\r\n`), { claims: false, text: /^(?![^]*canary)/ }, name)
  }
})

t.test('a line takes work in proportion to its length, whatever its names are', async t => {
  const workFor = async (line: string): Promise<number> => await countBlocks(() => { forwarded(line) })
  const plain = await workFor(`Cookie: ${'a;'.repeat(12_000)}\r\n`)
  t.ok(plain > 12_000, `${plain} blocks were seen`)
  for (const piece of ['w;', '%;', 'w=1,', 'weir-versio;', 'weir-version;', '%77%65%69%72%2d%76%65%72%73%69%6f;']) {
    const many = piece.repeat(Math.floor(24_000 / piece.length))
    for (const line of [many, `${many}weir-version`]) {
      const work = await workFor(`Cookie: ${line}\r\n`)
      t.ok(work < 10 * plain, `${piece}: ${work} blocks, and ${plain} for other names`)
    }
  }
})
