import t from 'tap'
import type { Endpoint } from '../../../src/core/endpoint.ts'
import { StaticSource } from '../../../src/discovery/endpoint-source.ts'

t.test('tells its endpoints at once, each once, all ready', async t => {
  const told: (readonly Endpoint[])[] = []
  const source = new StaticSource(['127.0.0.1:9001', '[FD00::1]:80', '127.0.0.1:9001', '[fd00::1]:80'], 5)
  source.start(endpoints => { told.push(endpoints) })
  t.strictSame(told, [[
    { address: '127.0.0.1', port: 9001, ready: true, serving: true, terminating: false },
    { address: 'fd00::1', port: 80, ready: true, serving: true, terminating: false }
  ]])
  t.strictSame(source.status(), { kind: 'static', synced: true, lastSyncWallMs: 5, restarts: 0, lastError: undefined, ignored: [], whyNone: 'the list of its endpoints is empty' })
  source.stop()
})

t.test('an empty list is a list', async t => {
  const told: (readonly Endpoint[])[] = []
  new StaticSource([], 0).start(endpoints => { told.push(endpoints) })
  t.strictSame(told, [[]])
})

t.test('names and rubbish are refused', async t => {
  for (const text of ['localhost:80', '10.0.0.1', '10.0.0.1:0', '10.0.0.1:65536', 'fd00::1:80', '']) {
    t.throws(() => new StaticSource([text], 0), RangeError, text)
  }
})
