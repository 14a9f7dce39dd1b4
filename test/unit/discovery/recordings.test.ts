/** Answers of a real API server with the real endpointslice controller (test/fixtures/kube-api), read as Weir reads them. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { CidrSet } from '../../../src/core/cidr-set.ts'
import { type Endpoint, endpointKey } from '../../../src/core/endpoint.ts'
import { readEndpointSlice } from '../../../src/discovery/endpoint-slice.ts'
import { ServiceEndpoints } from '../../../src/discovery/service-endpoints.ts'
import { endpointsOfSlices } from '../../helpers/endpoints-of-slices.ts'
import type { PodSelector } from '../../../src/discovery/pod-labels.ts'
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
  return endpointsOfSlices(slices.map(each => readEndpointSlice(each)), { port: 'http', allowed: new CidrSet([]), ipFamily: 'auto' }).endpoints
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

t.test('250 pods are in three slices of at most a hundred, each pod once, with what tells it', async t => {
  const { body } = await recordingOf('21-real-controller-250-pods-list')
  const slices = (body?.items ?? []).map(each => readEndpointSlice(each, { zone: 'zone-a' }))
  t.equal(slices.length, 3)
  t.equal(endpointsOf(body?.items ?? []).length, 250)
  const pods = slices.flatMap(({ endpoints }) => endpoints)
  t.equal(new Set(pods.map(({ pod }) => pod)).size, 250)
  t.equal(new Set(pods.map(({ podKey }) => podKey)).size, 250)
  t.match(pods.find(({ address }) => address === '198.18.1.1'), { podKey: 'real/b000', pod: '6e057429-606f-4d94-b2b2-1ce6c8cea65e', zone: 'zone-a', hints: 0 })
})

t.test('of a rollout a version has the pods with its labels, by name and uid', async t => {
  const { chunks = [] } = await recordingOf('20-real-controller-rollout')
  const own: PodSelector = [{ key: 'track', values: ['canary'] }]
  const canary = new Map([['track', 'canary']])
  const steps: string[] = []
  for (const { line } of chunks) {
    const { type, object } = JSON.parse(line) as { readonly type: string, readonly object: unknown } // recorded, see the fixture
    if (type !== 'MODIFIED') continue
    const { endpoints } = endpointsOfSlices([readEndpointSlice(object)], {
      port: 'http',
      allowed: new CidrSet([]),
      ipFamily: 'auto',
      pods: { claim: { own, rivals: [] }, labelsOf: (key, uid) => key === 'real/p2' && uid === '7a5f6c16-b5cf-4f37-a2e0-b351b0f686e3' ? canary : undefined }
    })
    if (steps.at(-1) !== shown(endpoints)) steps.push(shown(endpoints))
  }
  t.strictSame(steps, ['', '2:---', '2:RS-', '2:---', '2:RS-', '2:-ST', ''])
})

t.test('a headless Service names its pods and their zones; without hints no zone is preferred', async t => {
  const { body } = await recordingOf('22-real-headless-publishnotready')
  const place = { zone: 'zone-a', node: 'n1' }
  const service = new ServiceEndpoints({ port: 8080, allowed: new CidrSet([]), ipFamily: 'auto' }, place)
  const endpoints = service.replace((body?.items ?? []).map((each, index) => [String(index), readEndpointSlice(each, place)] as const))
  t.match(endpoints, [{ address: '198.18.3.1', ready: true, serving: false, zone: 'zone-a', near: false }])
  t.match(service.near(), { by: 'none', detail: /no ready endpoint has a hint/ })
})
