import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { createListConfigMapCodec } from '../../../src/lists/list-config-map.ts'
import { openList, sealList } from '../../../src/lists/seal-list.ts'
import { MemberList } from '../../../src/lists/member-list.ts'
import { NewerFormat } from '../../../src/store/config-map-codec.ts'
import type { StoreError } from '../../../src/store/state-store.ts'

const REF = { route: 'hello', list: 'beta' }
const KEY = 'hello.LIST.beta'

t.test('lists come back from a ConfigMap as they went there, and keys of others are left alone', async t => {
  const codec = createListConfigMapCodec()
  const lists = new Map([[KEY, MemberList.of(['b', 'a', 'jörg'])], ['a.b.LIST.c', MemberList.EMPTY]])
  const data = codec.encode(lists)
  t.same(Object.keys(data), [KEY, 'a.b.LIST.c'])
  t.match(gunzipSync(Buffer.from(data[KEY] ?? '', 'base64')).toString(), /^\{"format":"weir-list","formatVersion":1,"route":"hello","list":"beta","members":3,"sha256":"[0-9a-f]{64}"\}\na\nb\njörg\n$/)
  const read = createListConfigMapCodec().decode({ ...data, 'readme.txt': 'x' })
  t.same([...read].map(([key, { ids }]) => [key, ids]), [[KEY, ['a', 'b', 'jörg']], ['a.b.LIST.c', []]])
  t.same(['readme.txt', KEY].map(key => codec.owns(key)), [false, true])
  t.equal(codec.decode(data).get(KEY), codec.decode(data).get(KEY), 'what was read before is not read again')
})

t.test('what is no list is named and refused', async t => {
  const { decode } = createListConfigMapCodec()
  const sealed = sealList(REF, MemberList.of(['a', 'b'])).toString()
  const faultOf = (content: string): string => {
    try {
      decode({ [KEY]: gzipSync(content).toString('base64') })
      return ''
    } catch (error) {
      return `${error instanceof Error ? `${error.name}: ${error.message}` : ''}`
    }
  }
  t.equal(faultOf(sealed), '')
  t.match(faultOf(''), `Error: ${KEY} is no list of Weir`)
  t.match(faultOf(sealed.slice(0, -2)), 'was cut off or edited')
  t.match(faultOf(sealed.replace('\na\n', '\nc\n')), 'was cut off or edited')
  t.match(faultOf(sealed.replace('beta', 'team')), 'is the list "team" of the route "hello"')
  t.match(faultOf(sealed.replace('"formatVersion":1', '"formatVersion":2')), `${NewerFormat.name}: ${KEY} has the format version 2, and this Weir reads 1`)
  t.throws(() => decode({ [KEY]: 'H4sI' }), { message: new RegExp(`^${KEY} `) })
  t.throws(() => decode({ [KEY]: gzipSync(Buffer.alloc(64 * 1_048_576)).toString('base64') }), { message: /^hello\.LIST\.beta .*larger/ }, 'a bomb')
})

t.test('what has the right digest and the wrong members is refused too', async t => {
  const forged = sealList(REF, Object.assign(Object.create(MemberList.EMPTY), { ids: ['b', 'a'], bytes: 4 }))
  t.throws(() => openList(REF, forged), { message: /not as Weir writes it/ })
})

t.test('lists that do not fit are refused with what helps', async t => {
  const codec = createListConfigMapCodec(200)
  const ids = Array.from({ length: 100 }, (_, id) => `user-${id * 7919 % 100}-${id * 104_729}`)
  t.throws(() => codec.encode(new Map([[KEY, MemberList.of(ids)]])), { name: 'StoreError', code: 'too-large', advice: /the longest list is hello\/beta/ } satisfies Partial<Record<keyof StoreError, unknown>>)
})
