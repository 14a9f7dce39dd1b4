import t from 'tap'
import { canonicalJson, parseJsonPath } from '../../../src/shadow/canonical-json.ts'

const of = (text: string, ...paths: readonly string[]): string | null => canonicalJson(Buffer.from(text), paths.map(parseJsonPath))

t.test('neither order nor white space nor what is left out makes a difference, and everything else does', async t => {
  const same: ReadonlyArray<readonly [string, string, ...string[]]> = [
    ['{"a":1,"b":[1,2]}', ' { "b" : [1, 2], "a": 1.0 } '],
    ['{"a":1,"at":2}', '{"a":1}', '/at'],
    ['{"items":[{"id":1,"n":"x"},{"id":2}]}', '{"items":[{"id":7,"n":"x"},{"id":8}]}', '/items/*/id'],
    ['{"a/b":1,"c~d":2}', '{}', '/a~1b', '/c~0d'],
    ['[1,2]', '[1,3]', '/1'],
    ['{"x":{"t":1}}', '{"x":{}}', '/*/t'],
    ['"\\u00e9"', '"é"']
  ]
  for (const [one, other, ...paths] of same) t.equal(of(one, ...paths), of(other, ...paths), `${one} ${other} ${paths.join(' ')}`)
  const unlike: ReadonlyArray<readonly [string, string, ...string[]]> = [
    ['{"a":1}', '{"a":"1"}'],
    ['[1,2]', '[2,1]'],
    ['{"a":[]}', '{"a":{}}'],
    ['{"a":null}', '{}'],
    ['{"a":1e400}', '{"a":null}'],
    ['[1,2]', '[1]', '/1'],
    ['{"a":{"b":1}}', '{"a":{"b":2}}', '/b'],
    ['{"__proto__":1}', '{"__proto__":2}'],
    ['["a","b"]', '["a\\",\\"b"]']
  ]
  for (const [one, other, ...paths] of unlike) t.not(of(one, ...paths), of(other, ...paths), `${one} ${other} ${paths.join(' ')}`)
})

t.test('what is no JSON, or too deep, is not read as JSON', async t => {
  t.same(['', '{', '\u0000', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, `${'['.repeat(300)}${']'.repeat(300)}`].map(text => of(text)), [null, null, null, null, null])
  t.equal(canonicalJson(Buffer.from([0x22, 0xff, 0x22]), []), null)
})
