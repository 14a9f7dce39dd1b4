/** Fields that say where a request came from, or that only Weir may write: who is believed in what. */
import { planeOptions, proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { ownLines } from '../../helpers/own-lines.ts'
import { get } from '../../helpers/raw-client.ts'
import { valuesOf, type RawMessage } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'

const answerOk: OriginHandler = (_, connection) => { connection.send(ok()) }
const TRUSTED = { trustedProxies: ['127.0.0.1/32'] }

/** Weir writes them itself. */
const REPLACED = ['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Request-Id']
/** Weir leaves them alone, if the peer may be believed. */
const CLAIMS = ['Forwarded', 'X-Real-IP', 'X-Forwarded-Port', 'X-Forwarded-Prefix', 'X-Forwarded-Server', 'X-Forwarded-Ssl', 'X-Forwarded-Anything-Else']
/** Nobody outside may write them. */
const RESERVED = ['X-Client-Cert-Subject', 'X-Client-Cert-Anything', 'Client-Cert', 'Client-Cert-Chain', 'X-Forwarded-Client-Cert', 'X-Forwarded-Client-Cert-Chain', 'X-Weir-Version', 'X-Weir-Anything']
/** Nothing of the above. */
const INNOCENT = ['X-Forwarded', 'X-Weird', 'X-Weir', 'X-Client-Certs', 'X-Client-Cert', 'Client-Certificate', 'X-Real-IPs', 'Forwarded-For', 'X-Request-Ids', 'Via-X']

const SPELLINGS: ReadonlyArray<readonly [what: string, spell: (name: string) => string]> = [
  ['as usual', name => name], ['in small letters', name => name.toLowerCase()], ['in capitals', name => name.toUpperCase()],
  ['in odd letters', name => [...name].map((letter, index) => index % 2 === 0 ? letter.toLowerCase() : letter.toUpperCase()).join('')]
]
const FOLDED: ReadonlyArray<readonly [what: string, spell: (name: string) => string]> = [
  ['with underscores', name => name.replaceAll('-', '_')], ['with one underscore', name => name.replace('-', '_')],
  ['with underscores in capitals', name => name.replaceAll('-', '_').toUpperCase()],
  ['with dots', name => name.replaceAll('-', '.')], ['with one dot', name => name.replace('-', '.')],
  ...[..."!#$%&'*+^`|~"].map(character => [`with ${character}`, (name: string) => name.split('-').join(character)] as const),
  ['with all of them', name => [...name].map((letter, index) => letter === '-' ? "!#$%&'*+.^_`|~"[index % 14] ?? '' : letter).join('')]
]

/** What of these fields the origin got, each sent twice among others. */
async function passedOn (bench: ProxyBench, names: readonly string[], version = 'HTTP/1.1'): Promise<readonly string[]> {
  const origin = await bench.extraOrigin(answerOk)
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [origin.port])
  const client = await bench.client()
  for (const name of names) await client.ask(get('/', `${name}: forged-1\r\nX-Kept: 1\r\n${name}:forged-2\r\nConnection: keep-alive\r\n`).replace('HTTP/1.1', version))
  if (origin.requests.some(request => valuesOf(request, 'x-kept').length !== 1)) throw new Error('a field between them was lost')
  return origin.requests.flatMap(request => request.fields).filter(([, value]) => value.includes('forged')).map(([name, value]) => `${name}: ${value}`)
}

const twice = (names: readonly string[]): readonly string[] => names.flatMap(name => [`${name}: forged-1`, `${name}: forged-2`])

for (const [what, spell] of [...SPELLINGS, ...FOLDED]) {
  proxyTest(`from a client that is not trusted nothing passes that says who it is, or that only Weir writes, spelled ${what}`, async (t, bench) => {
    const names = [...REPLACED, ...CLAIMS, ...RESERVED].map(spell).filter(name => !what.startsWith('with ') || !/^[A-Z-]+$/i.test(name))
    t.ok(names.length > 15)
    t.same(await passedOn(bench, names), [])
    t.same(await passedOn(bench, names, 'HTTP/1.0'), [])
  })

  proxyTest(`what only Weir writes does not pass from a trusted proxy either, spelled ${what}`, async (t, bench) => {
    t.same(await passedOn(bench, RESERVED.map(spell)), [])
  }, TRUSTED)
}

for (const [what, spell] of SPELLINGS) {
  proxyTest(`what a trusted proxy says of where the request came from passes as it is, spelled ${what}`, async (t, bench) => {
    const names = CLAIMS.map(spell)
    t.same(await passedOn(bench, names), twice(names))
  }, TRUSTED)
}

for (const [what, spell] of FOLDED) {
  proxyTest(`a trusted proxy can't mean the real ones by names ${what}`, async (t, bench) => {
    const names = [...REPLACED, ...CLAIMS].map(spell).filter(name => !/^[A-Z-]+$/i.test(name))
    t.same(await passedOn(bench, names), [])
  }, TRUSTED)
}

proxyTest('names that only look a little like these pass from anybody', async (t, bench) => {
  const names = [...INNOCENT, ...INNOCENT.map(name => name.toUpperCase()), 'X_Weird', 'X_Custom', 'X.Weird', 'x.real.ips', 'X.Forwarded']
  t.same(await passedOn(bench, names), twice(names))
})

proxyTest('the same holds for trailers', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  const names = [...REPLACED, ...CLAIMS, ...RESERVED].flatMap(name => [name, name.replaceAll('-', '_'), name.replaceAll('-', '.')]).filter(name => name !== 'Forwarded')
  for (const name of names) await client.ask(`POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${name}: forged\r\nX-Kept: 1\r\n\r\n`)
  t.same(new Set(origin.requests.map(({ trailers }) => trailers)), new Set(['X-Kept: 1\r\n']))
})

/** The values of the fields that Weir writes into a request with these fields. */
async function written (bench: ProxyBench, fields: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  await client.ask(get('/', fields))
  const request: Pick<RawMessage, 'fields'> = origin.requests[0] ?? { fields: [] }
  return Object.fromEntries(REPLACED.map(name => [name, valuesOf(request, name.toLowerCase())]))
}

const FORGED = 'X-Forwarded-For: 198.51.100.1\r\nx-forwarded-for: 198.51.100.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\nX-Request-Id: chosen-by-the-client\r\n'

proxyTest('what a client that is not trusted says of itself is replaced by what Weir knows', async (t, bench) => {
  const { 'X-Request-Id': ids, ...rest } = await written(bench, FORGED)
  t.same(rest, { 'X-Forwarded-For': ['127.0.0.1'], 'X-Forwarded-Proto': ['http'], 'X-Forwarded-Host': ['example.test'] })
  t.match(ids, [/^[0-9a-f]{32}$/])
})

proxyTest('what a trusted proxy says is kept, with its own address appended', async (t, bench) => {
  t.same(await written(bench, FORGED), {
    'X-Forwarded-For': ['198.51.100.1, 198.51.100.2, 127.0.0.1'],
    'X-Forwarded-Proto': ['https'],
    'X-Forwarded-Host': ['evil.test'],
    'X-Request-Id': ['chosen-by-the-client']
  })
}, TRUSTED)

proxyTest('what a trusted proxy says and can\'t mean is replaced', async (t, bench) => {
  const { 'X-Request-Id': ids, ...rest } = await written(bench, 'X-Forwarded-Proto: gopher\r\nX-Forwarded-Host:\r\nX-Request-Id: two words\r\n')
  t.same(rest, { 'X-Forwarded-For': ['127.0.0.1'], 'X-Forwarded-Proto': ['http'], 'X-Forwarded-Host': ['example.test'] })
  t.match(ids, [/^[0-9a-f]{32}$/])
}, TRUSTED)

for (const [claimed, kept] of [
  ['X-Forwarded-Proto: https, http\r\n', 'https'], ['X-Forwarded-Proto: HTTPS,http,http\r\n', 'https'],
  ['X-Forwarded-Proto: https\r\nx-forwarded-proto: http\r\n', 'https'],
  ['X-Forwarded-Proto: http, https\r\n', 'http'], ['X-Forwarded-Proto: , https ,\r\n', 'https'],
  ['X-Forwarded-Proto: gopher, https\r\n', 'https'],
  ['X-Forwarded-Proto: wss\r\n', 'wss'], ['X-Forwarded-Proto: WS, http\r\n', 'ws'],
  ['X-Forwarded-Proto:\r\nX-Forwarded-Proto: https\r\n', 'https'],
  ['X-Forwarded-Proto: ,\r\n', 'http'], ['X-Forwarded-Proto: httpsx\r\n', 'http']
] as const) {
  proxyTest(`of ${JSON.stringify(claimed)} from a trusted proxy the client's own scheme is kept`, async (t, bench) => {
    t.same((await written(bench, claimed))['X-Forwarded-Proto'], [kept])
  }, TRUSTED)
}

proxyTest('many forged fields among many honest ones all go, and the honest ones stay in order', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  const honest = Array.from({ length: 50 }, (_, index) => `X-Honest-${index}: ${index}`)
  const forged = [...CLAIMS, ...RESERVED, ...REPLACED]
  await client.ask(get('/', honest.map((line, index) => `${line}\r\n${forged[index % forged.length]}: forged\r\n`).join('')))
  t.same(ownLines(origin.requests[0]), ['Host: example.test', ...honest])
})

proxyTest('a peer whose trust is taken away is not believed any more, on a connection that is open already', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  const claim = 'X-Forwarded-For: 192.0.2.7\r\nX-Real-IP: 192.0.2.7\r\n'
  await client.ask(get('/', claim))
  bench.route([{ weights: { v1: 1 } }], planeOptions())
  await client.ask(get('/', claim))
  bench.route([{ weights: { v1: 1 } }], planeOptions(TRUSTED))
  await client.ask(get('/', claim))
  const seen = origin.requests.map(request => [valuesOf(request, 'x-forwarded-for').join(), valuesOf(request, 'x-real-ip').length])
  t.same(
    seen,
    [['192.0.2.7, 127.0.0.1', 1], ['127.0.0.1', 0], ['192.0.2.7, 127.0.0.1', 1]],
    'and is believed again when it is trusted again'
  )
}, TRUSTED)
