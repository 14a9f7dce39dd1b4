import t from 'tap'
import { ConfigError, MAX_FAULTS } from '../../../src/config/config-error.ts'
import { createConfigResolver } from '../../../src/config/resolve.ts'

const resolve = createConfigResolver()
const SOUND = 'listeners: [{ name: web, port: 8080 }]\nroutes: []\n'

async function refusal (content: string | Uint8Array): Promise<ConfigError> {
  try {
    await resolve({ bytes: Buffer.from(content), fileName: 'f', env: {}, args: [] })
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('the file was accepted')
}

t.test('bytes that are not text', async t => {
  for (const bytes of [Buffer.of(0xff, 0xfe, 0x41, 0), Buffer.from('a\0b'), Buffer.of(0xc3, 0x28), Buffer.of(0xed, 0xa0, 0x80)]) {
    t.match((await refusal(bytes)).message, /is not text in UTF-8/)
  }
})

t.test('a byte order mark is fine', async t => {
  await t.resolves(resolve({ bytes: Buffer.from(`\ufeff${SOUND}`), fileName: 'f', env: {}, args: [] }))
})

t.test('endless nesting', async t => {
  for (const text of ['['.repeat(1_000_000), '{a: '.repeat(100_000), '- '.repeat(1_000_000), '? '.repeat(100_000)]) {
    t.match((await refusal(text)).message, /nested deeper than 64/, JSON.stringify(text.slice(0, 8)))
  }
})

t.test('long lists on lines of their own are not deep', async t => {
  const text = `${SOUND}clientIp:\n  trustedProxies:\n${'    - 10.0.0.1\n'.repeat(900)}`
  await t.resolves(resolve({ bytes: Buffer.from(text), fileName: 'f', env: {}, args: [] }))
})

t.test('millions of tokens', async t => {
  t.match((await refusal(`[${'1,'.repeat(2_000_000)}]`)).message, /has more than 2500000 tokens/)
})

t.test('millions of syntax faults, of which the first twenty are told: read whole, each of these takes the better part of a minute', async t => {
  const million = 1_000_000
  for (const [text, message] of [
    [`"${'\\q'.repeat(100_000)}"`, /^f:1:2: is not valid YAML: Invalid escape sequence/],
    [`[${'"a" '.repeat(million)}]`, /^f:1:6: is not valid YAML: Missing , or :/],
    ['"a" '.repeat(million), /^f:1:5: is not valid YAML: Unexpected double-quoted-scalar/],
    [`a:\n${'  "a" "b"\n'.repeat(million / 2)}`, /^f:2:7: is not valid YAML: Unexpected double-quoted-scalar/],
    ['- "\\q"\n'.repeat(million / 2), /^f:1:4: is not valid YAML: Invalid escape sequence/]
  ] as const) {
    const { faults, message: said } = await refusal(text)
    t.equal(faults.length, 20, text.slice(0, 8))
    t.match(said, message)
    t.ok(said.length < 10_000)
  }
})

t.test('keys that are there twice, by the ten thousand', async t => {
  const { faults, message } = await refusal('a: 1\n'.repeat(30_000))
  t.equal(faults.length, 20)
  t.match(message, /^f:2:1: the key "a" is there twice/)
})

t.test('directives, document ends and values without end', async t => {
  for (const text of ['%YAML 9.9\n'.repeat(300_000), '%TAG ! x\n'.repeat(300_000), '...\n'.repeat(300_000)]) {
    t.match((await refusal(text)).message, /has more than 20 directives and document ends/)
  }
  for (const text of [
    `a: "${'x '.repeat(200_000)}"`,
    `"${'\n'.repeat(300_000)}"`,
    'a\n'.repeat(300_000),
    `a: |\n${'  b\n'.repeat(100_000)}`
  ]) {
    t.match((await refusal(text)).message, /has a value of more than 262144 characters/)
  }
})

t.test('a long file whose beginning leaves brackets and quotes open is fine', async t => {
  const comment = `# ${'x'.repeat(98)}\n`
  for (const lead of [comment.repeat(3_000), `${comment.repeat(1_200)}${comment.repeat(5_000)}`]) {
    await t.resolves(resolve({
      bytes: Buffer.from(`{ listeners: [{ name: web,\n${lead} port: 8080 }],\n${lead} routes: [] }`),
      fileName: 'f',
      env: {},
      args: []
    }))
  }
})

t.test('aliases that multiply', async t => {
  const levels = 'abcdefghijk'
  const lines = [...levels].map((name, index) => `${name}: &${name} [${index === 0 ? 'x' : Array(9).fill(`*${levels[index - 1] ?? ''}`).join(', ')}]`)
  t.match((await refusal(lines.join('\n'))).message, /cannot be read as YAML: Excessive alias count/)
})

t.test('anchors and aliases by the thousand, each of which is looked for among all of them', async t => {
  const anchors = Array.from({ length: 200_000 }, (_, index) => `k${index}: &a${index} 1\n`).join('')
  t.match((await refusal(anchors)).message, /has more than 1000 anchors/)
  t.match((await refusal(`a: &a 1\nb: [${'*a, '.repeat(20_000)}]\n`)).message, /has more than 10000 aliases/)
})

t.test('faults beyond the limit are counted', async t => {
  const error = await refusal(`${SOUND}${Array.from({ length: 20_000 }, (_, index) => `k${index}: 1\n`).join('')}`)
  t.equal(error.faults.length, MAX_FAULTS)
  t.equal(error.omitted, 20_000 - MAX_FAULTS)
  t.match(error.message, /… and 19900 more$/)
})

t.test('what is shown of a value is short, and without control characters', async t => {
  const error = await refusal(`${SOUND}log: { level: "${'x'.repeat(10_000)}" }\nworkers: "\\x1b[31m\\n"\n"${'k'.repeat(10_000)}": 1`)
  t.ok(error.message.length < 1_500)
  t.notOk(error.message.includes('\u001b'))
})

t.test('keys that objects have anyway', async t => {
  const keys = 'toString: "", valueOf: 1, __proto__: { a: 1 }, constructor: x, hasOwnProperty: 2, toJSON: 3'
  const error = await refusal(`listeners: [{ name: { ${keys} }, port: { ${keys} } }]\nroutes: []\nworkers: { ${keys} }\nlog: { ${keys} }`)
  t.same([...new Set(error.faults.map(fault => fault.path.split(/[.[]/)[0]))].sort(), ['listeners', 'log', 'workers'])
  t.equal(Object.hasOwn(Object.prototype, 'a'), false)
})
