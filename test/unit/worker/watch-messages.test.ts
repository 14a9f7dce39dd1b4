import t from 'tap'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import type { EvidenceMessage, WatchMessage } from '../../../src/contract/messages.ts'
import type { CohortCounts, FirstSign, HeavyClient, Side, SideCounts } from '../../../src/contract/rollout-watch.ts'

const NOTHING: SideCounts = { requests: 0, failures: 0, rescued: 0, bothFailed: 0, slow: 0, halfRequests: 0, halfFailures: 0 }

t.test('a watch and its evidence reach the other thread as they are', async t => {
  const side: Side = 'to'
  const cohort: CohortCounts = { epoch: 4, from: NOTHING, to: { ...NOTHING, requests: 3, failures: 1 } }
  const sign: FirstSign = { kind: 'failure', bucket: 65_535, side, epoch: 4, endpoint: '10.0.0.1:8080' }
  const heavy: HeavyClient = { key: '192.0.2.7', failures: 31 }
  const watch: WatchMessage = { type: 'watch', route: 'hello', watch: { id: 'r-1', from: 'stable', to: 'canary', failureStatuses: [[500, 599]], slowerThanMs: 250, unit: 'client' } }
  const evidence: EvidenceMessage = { type: 'evidence', route: 'hello', id: 'r-1', report: { cohorts: [cohort], signs: [sign], heavy: [heavy], dropped: 2, seen: new Uint8Array([1, 128]) } }
  const { port1, port2 } = new MessageChannel()
  for (const message of [watch, evidence]) {
    port1.postMessage(message)
    t.same(receiveMessageOnPort(port2), { message })
  }
  port1.close()
})
