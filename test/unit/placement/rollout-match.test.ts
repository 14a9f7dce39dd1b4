import t from 'tap'
import type { PlacementSpec, VersionMatchSpec } from '../../../src/contract/placement-spec.ts'
import { withRolloutMatch } from '../../../src/placement/rollout-match.ts'

const VERSIONS = ['a', 'b', 'c']
const matchOf = (version: string, name = 'x'): VersionMatchSpec => ({ version, match: [], alwaysNever: [{ by: 'header', name }] })
const ofFile: PlacementSpec = { overrides: null, lists: [{ name: 'beta', version: 'b', by: 'client-ip', field: '' }], matches: [matchOf('a'), matchOf('c')] }

t.test('it takes its place in the order of the versions, and that of the same version', async t => {
  const set = matchOf('b', 'y')
  t.same(withRolloutMatch(ofFile, set, VERSIONS), { ...ofFile, matches: [matchOf('a'), set, matchOf('c')] })
  t.same(withRolloutMatch({ ...ofFile, matches: [matchOf('b'), matchOf('c')] }, set, VERSIONS)?.matches, [set, matchOf('c')])
  t.same(withRolloutMatch(null, set, VERSIONS), { overrides: null, lists: [], matches: [set] })
})

t.test('without one, or for a version that is not there, all is as configured', async t => {
  t.equal(withRolloutMatch(ofFile, undefined, VERSIONS), ofFile)
  t.equal(withRolloutMatch(null, matchOf('gone'), VERSIONS), null)
})
