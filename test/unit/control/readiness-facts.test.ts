import t from 'tap'
import type { VersionEndpoints } from '../../../src/discovery/endpoint-registry.ts'
import { readinessOf } from '../../../src/control/start-gate.ts'

const NOTHING_WRONG = { stopping: false, accepting: true, gateOpen: true, stateMissing: false }

function discoveryOf (versions: readonly VersionEndpoints[]) {
  return { all: () => versions, waiting: () => versions.filter(({ endpoints }) => endpoints === undefined).length }
}

const TROUBLED: VersionEndpoints = { route: 'hello', version: 'canary', endpoints: undefined, problem: { kind: 'unsynced', detail: 'not read' } }

t.test('what is wrong with versions is told without making Weir unready', async t => {
  const { ready, own, waiting, ofVersions } = readinessOf({ ...NOTHING_WRONG, discovery: discoveryOf([TROUBLED, { ...TROUBLED, version: 'stable', endpoints: [], problem: undefined }]) })
  t.strictSame({ ready, own, waiting, ofVersions: ofVersions() }, { ready: true, own: [], waiting: 1, ofVersions: ['version "canary" of route "hello": not read'] })
})

t.test('a start that waits, closed listeners and a stop make it unready', async t => {
  const discovery = discoveryOf([])
  t.match(readinessOf({ ...NOTHING_WRONG, gateOpen: false, discovery }), { ready: false, own: [] })
  t.match(readinessOf({ ...NOTHING_WRONG, accepting: false, discovery }), { ready: false, own: ['the listeners are not open'] })
  t.match(readinessOf({ ...NOTHING_WRONG, accepting: false, stopping: true, discovery }), { ready: false, own: ['Weir is shutting down'] })
  t.match(readinessOf({ ...NOTHING_WRONG, stateMissing: true, discovery }), { ready: false, own: ['the stored weights have not been read yet: /v1/state says why'] })
})

t.test('thousands of versions are counted, not named', async t => {
  const all = Array.from({ length: 5_000 }, (_, index) => ({ ...TROUBLED, version: `v${index}` }))
  const reasons = readinessOf({ ...NOTHING_WRONG, discovery: discoveryOf(all) }).ofVersions()
  t.equal(reasons.length, 101)
  t.equal(reasons.at(-1), '4900 more versions have no endpoints to use')
})
