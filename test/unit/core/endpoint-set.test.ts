import t from 'tap'
import { type Endpoint, EndpointSet, isNoChange } from '../../../src/core/endpoint.ts'

const at = (port: number, ready = true): Endpoint => ({ address: '10.0.0.1', port, ready, serving: ready, terminating: false })

t.test('a whole list says what is different from the one before', async t => {
  const set = new EndpointSet()
  t.same(set.replace([at(1), at(2)]), { set: [at(1), at(2)], gone: [] })
  t.same(set.replace([at(2, false), at(3)]), { set: [at(2, false), at(3)], gone: ['10.0.0.1:1'] })
  t.ok(isNoChange(set.replace([at(3), at(2, false)])))
  t.same([...set.values()], [at(2, false), at(3)])
})

t.test('of a change only what is one is told on', async t => {
  const set = new EndpointSet()
  set.replace([at(1), at(2)])
  t.same(set.apply({ set: [at(1), at(2, false)], gone: ['10.0.0.1:9'] }), { set: [at(2, false)], gone: [] })
  t.same(set.apply({ set: [], gone: ['10.0.0.1:1'] }), { set: [], gone: ['10.0.0.1:1'] })
  t.equal(set.size, 1)
})
