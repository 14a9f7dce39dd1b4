import { getHeapStatistics } from 'node:v8'
import t from 'tap'
import { RecentRequests } from '../../../src/exchange/recent-requests.ts'
import { RequestFacts } from '../../../src/exchange/request-facts.ts'
import { RequestIds } from '../../../src/http/request-ids.ts'

function record (facts: Partial<RequestFacts>): RequestFacts {
  return Object.assign(new RequestFacts(), { endpoint: '10.0.0.1:80', ...facts })
}

t.test('the latest are remembered, the oldest are written over', async t => {
  const ids = new RequestIds()
  const recent = new RecentRequests(ids, 3)
  t.same([recent.size, recent.oldestMs, recent.find(ids.text(1))], [0, 0, undefined])
  for (let number = 1; number <= 5; number++) recent.add(record({ requestNumber: number, startMs: number * 100, status: 200 + number }), 1)
  t.same([recent.size, recent.oldestMs], [3, 300])
  t.same([1, 2, 3, 4, 5].map(number => recent.find(ids.text(number))?.status), [undefined, undefined, 203, 204, 205])
})

t.test('each place keeps its own names, however many there are, on every lap', async t => {
  const ids = new RequestIds()
  const capacity = 1_300
  const recent = new RecentRequests(ids, capacity)
  for (let number = 1; number <= 3 * capacity; number++) recent.add(record({ requestNumber: number, endpoint: `endpoint ${number}` }), 1)
  t.equal(recent.size, capacity)
  const last = 3 * capacity
  const numbers = [last, last - 1, last - 511, last - 512, last - 513, last - capacity + 1]
  t.same(numbers.map(number => recent.find(ids.text(number))?.endpoint), numbers.map(number => `endpoint ${number}`))
  t.equal(recent.find(ids.text(last - capacity)), undefined)
})

t.test('an id that was given twice is the latest, and no id is found by the number 0', async t => {
  const recent = new RecentRequests(new RequestIds(), 4)
  for (const status of [200, 404]) recent.add(record({ requestId: 'same', requestNumber: status, status }), 1)
  t.equal(recent.find('same')?.status, 404)
  recent.add(record({ requestNumber: 0 }), 1)
  t.equal(recent.find('other'), undefined)
})

t.test('what was out of the ordinary is remembered with it', async t => {
  const ids = new RequestIds()
  const recent = new RecentRequests(ids, 2)
  recent.add(record({
    requestNumber: 1,
    error: 'upstream_reset',
    fault: 'why',
    retried: 'connect',
    fallbackFrom: 'canary',
    stickyKind: 'cookie',
    keyHash: -5,
    epoch: 7,
    attempts: 2
  }), 1.5)
  t.match(recent.find(ids.text(1)), {
    error: 'upstream_reset',
    fault: 'why',
    retried: 'connect',
    fallbackFrom: 'canary',
    keyKind: 'cookie',
    keyHash: -5,
    epoch: 7,
    attempts: 2,
    durationMs: 1.5,
    endpoint: '10.0.0.1:80'
  })
})

t.test('to take a request down allocates nothing', async t => {
  const recent = new RecentRequests(new RequestIds())
  const facts = record({ requestNumber: 1, status: 200 })
  const run = (rounds: number): void => { for (let round = 0; round < rounds; round++) recent.add(facts, 1) }
  run(300_000)
  const before = getHeapStatistics().total_allocated_bytes
  run(300_000)
  const bytes = getHeapStatistics().total_allocated_bytes - before
  t.ok(bytes < 3_000_000, `${bytes} bytes in 300,000 requests`)
})
