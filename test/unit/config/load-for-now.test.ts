import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { createLoadForNow } from '../../../src/config/resolve.ts'
import { eventually } from '../../helpers/weir-process.ts'

setFlagsFromString('--expose-gc')
const CHECK = './config-check.cts'
const collect: unknown = runInNewContext('gc')

t.test('a row of loads costs one, and Node keeps none of it', async t => {
  const load = createLoadForNow()
  t.equal(load(CHECK), load(CHECK))
  t.not(createLoadForNow()(CHECK), load(CHECK))
  t.same(Object.keys(createRequire(import.meta.url).cache).filter(file => file.includes('config-check')), [])
})

t.test('what nobody uses any more is free, and loaded anew when it is needed', async t => {
  const load = createLoadForNow()
  const gone = new WeakRef(load(CHECK))
  await eventually(async () => {
    if (typeof collect === 'function') Reflect.apply(collect, undefined, [])
    return gone.deref() === undefined ? true : undefined
  })
  t.equal(typeof Reflect.get(load(CHECK), 'checkConfig'), 'function')
})
