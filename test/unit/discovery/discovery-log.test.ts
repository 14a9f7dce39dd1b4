import t from 'tap'
import type { WatchFailure } from '../../../src/discovery/endpoint-registry.ts'
import { KubeError } from '../../../src/kube/kube-api.ts'
import { DiscoveryLog } from '../../../src/discovery/discovery-log.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'

function failure (more: Partial<WatchFailure> = {}): WatchFailure {
  return { objects: 'EndpointSlices', namespace: 'shop', error: new KubeError('network', 'reset'), retryInMs: 99.6, waiting: [], known: 3, ...more }
}

function started () {
  const clock = new FakeClock()
  const log = new RecordingLogger()
  return { clock, log, said: new DiscoveryLog(log, clock), messages: () => log.lines.splice(0).map(({ message, fields }) => `${message} ${String(fields['repeated'] ?? '')}`.trim()) }
}

const LAST_KNOWN = 'the watch of EndpointSlices failed; the last known endpoints are used meanwhile'
const RECOVERED = 'the watch of EndpointSlices has recovered'
const NONE = 'the version has no endpoints to use'
const SOME = 'the version has endpoints now'

t.test('last known endpoints are spoken of only where there are some', async t => {
  const { said, log } = started()
  said.watchFailed(failure())
  said.watchFailed(failure({ known: 0 }))
  said.watchFailed(failure({ namespace: undefined, known: 0, waiting: Array.from({ length: 12 }, (_, index) => `r/v${index}`) }))
  t.strictSame(log.lines, [
    { level: 'warn', message: LAST_KNOWN, fields: { namespace: 'shop', error: 'reset', retryInMs: 100 } },
    { level: 'warn', message: 'the watch of EndpointSlices failed; no endpoints are known', fields: { namespace: 'shop', error: 'reset', retryInMs: 100 } },
    {
      level: 'warn',
      message: 'the watch of EndpointSlices failed; versions wait for their first endpoints',
      fields: { namespace: '(own)', error: 'reset', retryInMs: 100, waiting: 'r/v0, r/v1, r/v2, r/v3, r/v4, r/v5, r/v6, r/v7, r/v8, r/v9 and 2 more' }
    }
  ])
})

t.test('each namespace has its own line, at most one in ten seconds, that counts the others', async t => {
  const { said, clock, messages } = started()
  said.watchFailed(failure())
  said.watchFailed(failure({ namespace: 'lab' }))
  said.watchFailed(failure())
  said.watchFailed(failure())
  t.strictSame(messages(), [LAST_KNOWN, LAST_KNOWN])
  clock.advance(10_000)
  t.strictSame(messages(), [], 'no line comes by itself, after a recovery for example')
  said.watchFailed(failure())
  t.strictSame(messages(), [`${LAST_KNOWN} 2`])
})

t.test('a recovery is logged once, after the failure that it ends', async t => {
  const { said, log, messages } = started()
  said.watchFailed(failure())
  said.watchRecovered('EndpointSlices', 'shop', { failures: 3, afterMs: 1234.5 })
  t.match(log.lines.at(-1), { level: 'info', message: RECOVERED, fields: { namespace: 'shop', failures: 3, afterMs: 1235 } })
  messages()
  said.watchFailed(failure())
  said.watchRecovered('EndpointSlices', 'shop', { failures: 1, afterMs: 1 })
  t.strictSame(messages(), [], 'a watch that flaps does not fill the log')
})

t.test('a version is logged once when it loses its endpoints, and once when it has them', async t => {
  const { said, clock, log, messages } = started()
  said.versionChanged('r', 'v', { kind: 'no-port', detail: 'there is 8080' })
  t.strictSame(log.lines, [{ level: 'warn', message: NONE, fields: { route: 'r', version: 'v', problem: 'no-port', detail: 'there is 8080' } }])
  messages()
  clock.advance(10_000)
  said.versionChanged('r', 'v', undefined)
  said.versionChanged('r', 'w', undefined)
  t.strictSame(messages(), [SOME, SOME])
})

t.test('a version that flaps has a line in ten seconds, and the last one is how it is', async t => {
  const { said, clock, messages } = started()
  const problem = { kind: 'no-slices', detail: 'gone' } as const
  for (let turn = 0; turn < 50; turn++) {
    said.versionChanged('r', 'v', problem)
    said.versionChanged('r', 'v', undefined)
  }
  t.strictSame(messages(), [NONE])
  clock.advance(10_000)
  t.strictSame(messages(), [SOME])
  said.versionChanged('r', 'v', problem)
  said.versionChanged('r', 'v', undefined)
  clock.advance(60_000)
  t.strictSame(messages(), [])
})

t.test('the watch of pods and that of slices have lines of their own', async t => {
  const { said, messages } = started()
  said.watchFailed(failure())
  said.watchFailed(failure({ objects: 'Pods' }))
  said.watchRecovered('Pods', 'shop', { failures: 1, afterMs: 1 })
  t.strictSame(messages(), [LAST_KNOWN, 'the watch of Pods failed; the last known endpoints are used meanwhile', 'the watch of Pods has recovered'])
})

t.test('pods of two versions are told as what they are, and so is their end', async t => {
  const { said, clock, messages } = started()
  const problem = { kind: 'pods-of-two', detail: 'shared' } as const
  said.versionChanged('r', 'v', problem)
  clock.advance(10_000)
  said.versionChanged('r', 'v', undefined, 'pods-of-two')
  clock.advance(10_000)
  said.versionChanged('r', 'v', problem)
  said.versionChanged('r', 'v', { kind: 'no-endpoints', detail: 'none' }, 'pods-of-two')
  clock.advance(10_000)
  said.versionChanged('r', 'v', undefined, 'no-endpoints')
  clock.advance(10_000)
  const shared = 'pods of the version are another version\'s as well'
  t.strictSame(messages(), [shared, 'no pod of the version is another version\'s as well any more', shared, NONE, SOME])
})
