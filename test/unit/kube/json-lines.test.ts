import t from 'tap'
import { jsonLines } from '../../../src/kube/kube-client.ts'
import { KubeError } from '../../../src/kube/kube-api.ts'

async function read (chunks: readonly Uint8Array[], maxLineBytes = 1_000): Promise<unknown[]> {
  const stream = (async function * () { yield * chunks })()
  const values: unknown[] = []
  for await (const value of jsonLines(stream, maxLineBytes)) values.push(value)
  return values
}

async function failureOf (chunks: readonly string[], maxLineBytes?: number): Promise<string> {
  const thrown = await read(chunks.map(chunk => Buffer.from(chunk)), maxLineBytes).then(() => undefined, KubeError.from)
  return thrown?.kind ?? 'none'
}

const TEXT = '{"a":"ü€😀"}\n\n{"b":[1,2]}\r\n{"c":null}\n'
const VALUES = [{ a: 'ü€😀' }, { b: [1, 2] }, { c: null }]

t.test('lines are the same however the stream is cut in two', async t => {
  const bytes = Buffer.from(TEXT)
  for (let cut = 0; cut <= bytes.length; cut++) {
    t.strictSame(await read([bytes.subarray(0, cut), bytes.subarray(cut)]), VALUES, `cut at ${cut}`)
  }
})

t.test('lines are the same byte by byte', async t => {
  t.strictSame(await read([...Buffer.from(TEXT)].map(byte => Uint8Array.of(byte))), VALUES)
})

t.test('a stream without lines has none', async t => {
  t.strictSame(await read([]), [])
  t.strictSame(await read([Buffer.from('\n \n')]), [])
})

t.test('a stream that ends within a line is malformed', async t => {
  t.equal(await failureOf(['{"a":1}']), 'malformed')
})

t.test('a line that is not JSON is malformed', async t => {
  t.equal(await failureOf(['{"a":1}\nnonsense\n']), 'malformed')
})

t.test('a line above the bound is refused before it is complete', async t => {
  t.equal(await failureOf(['"12345678"\n'], 9), 'too-large')
  t.equal(await failureOf(['"1234', '56789'], 9), 'too-large')
  t.strictSame(await read([Buffer.from('"1234567"\n"1234567"\n')], 9), ['1234567', '1234567'], 'the bound is for one line')
})
