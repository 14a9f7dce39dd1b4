/** Answers of a real API server with the real endpointslice controller (test/fixtures/kube-api), read as Weir reads them. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { CidrSet } from '../../../src/core/cidr-set.ts'
import { type Endpoint, endpointKey } from '../../../src/core/endpoint.ts'
import { readEndpointSlice } from '../../../src/discovery/endpoint-slice.ts'
import { endpointsOfSlices } from '../../helpers/endpoints-of-slices.ts'
import { usableEndpoints } from '../../../src/discovery/usable-endpoints.ts'
import { jsonLines } from '../../../src/kube/kube-client.ts'

interface Recording {
  readonly chunks?: readonly { readonly line: string }[]
  readonly body?: { readonly items?: readonly unknown[] }
}

async function recordingOf (name: string): Promise<Recording> {
  // A fixture of this project.
  return JSON.parse(await readFile(new URL(`../../fixtures/kube-api/${name}.json`, import.meta.url), 'utf8')) as Recording
}

function endpointsOf (slices: readonly unknown[]): readonly Endpoint[] {
  return endpointsOfSlices(slices.map(readEndpointSlice), { port: 'http', allowed: new CidrSet([]), ipFamily: 'auto' }).endpoints
}

/** `1:RS-`: the last byte of the address, and which of ready, serving and terminating hold. */
function shown (endpoints: readonly Endpoint[]): string {
  return endpoints.map(({ address, ready, serving, terminating }) =>
    `${address.split('.').at(-1)}:${ready ? 'R' : '-'}${serving ? 'S' : '-'}${terminating ? 'T' : '-'}`).join(' ')
}

t.test('a rollout, step by step', async t => {
  const { chunks = [] } = await recordingOf('20-real-controller-rollout')
  const bytes = Buffer.concat(chunks.map(({ line }) => Buffer.from(line)))
  const halves = (async function * () { yield * [bytes.subarray(0, 5_000), bytes.subarray(5_000)] })()
  const slices = new Map<string, unknown>()
  const steps: string[] = []
  for await (const line of jsonLines(halves, 100_000)) {
    const { type, object } = line as { type: string, object: { metadata: { name: string } } } // recorded, see the fixture
    if (type === 'DELETED') slices.delete(object.metadata.name)
    else if (type !== 'BOOKMARK') slices.set(object.metadata.name, object)
    const endpoints = endpointsOf([...slices.values()])
    steps.push(`${type}: ${shown(endpoints)} | ${usableEndpoints(endpoints).map(endpoint => endpoint.address.split('.').at(-1)).join()}`)
  }
  t.strictSame(steps, [
    'ADDED:  | ',
    'MODIFIED: 1:--- | ',
    'MODIFIED: 1:--- 2:--- | ',
    'MODIFIED: 1:RS- 2:--- | 1',
    'MODIFIED: 1:RS- 2:RS- | 1,2',
    'MODIFIED: 1:RS- 2:--- | 1',
    'MODIFIED: 1:RS- 2:RS- | 1,2',
    'MODIFIED: 1:-ST 2:RS- | 2',
    'MODIFIED: 1:-ST 2:RS- 3:RS- | 2,3',
    'MODIFIED: 1:--T 2:RS- 3:RS- | 2,3',
    'MODIFIED: 2:RS- 3:RS- | 2,3',
    'MODIFIED: 2:-ST 3:RS- | 3',
    'MODIFIED: 3:RS- | 3',
    'MODIFIED:  | ',
    'DELETED:  | ',
    'BOOKMARK:  | ',
    'BOOKMARK:  | '
  ])
})

t.test('a slice without conditions, and one without endpoints and ports', async t => {
  const minimal = await recordingOf('06-minimal-slice')
  t.equal(shown(endpointsOfSlices([readEndpointSlice(minimal.body)], { port: 8080, allowed: new CidrSet([]), ipFamily: 'auto' }).endpoints), '31:RS-')
  const empty = await recordingOf('06-empty-slice')
  t.strictSame(endpointsOf([empty.body]), [])
})

t.test('a mirrored slice has only the condition ready', async t => {
  const { body } = await recordingOf('22-real-mirrored-slice')
  t.equal(shown(endpointsOf(body?.items ?? [])), '1:RS- 2:---')
})

t.test('publishNotReadyAddresses: ready although not serving', async t => {
  const { body } = await recordingOf('22-real-headless-publishnotready')
  const endpoints = endpointsOf(body?.items ?? [])
  t.equal(shown(endpoints), '1:R--')
  t.strictSame(usableEndpoints(endpoints).map(endpointKey), ['198.18.3.1:8080'])
})
