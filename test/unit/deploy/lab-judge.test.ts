import t from 'tap'
import type { LabAnswer } from '../../../deploy/examples/hello/lab-clients.ts'
import { LabCleanups } from '../../../deploy/examples/hello/lab-cleanups.ts'
import {
  judgeCounts, judgeFailures, judgeHomes, judgePods, judgeShare, shareTolerance
} from '../../../deploy/examples/hello/lab-judge.ts'

const OLD = 'hello 1.0.0'
const NEW = 'hello 2.0.0'

function answers (count: number, who: string, more: Partial<LabAnswer> = {}): readonly LabAnswer[] {
  return Array.from({ length: count }, () => ({ client: '127.0.0.2', who, pod: '127.1.0.1:8080', ok: true, ...more }))
}

t.test('a request that fails is told with its client, and the first three of many', async t => {
  t.equal(judgeFailures(answers(3, OLD)), undefined)
  const one = [...answers(9, OLD), ...answers(1, 'GET /: 503 no', { ok: false })]
  t.equal(judgeFailures(one), '1 of 10 requests failed: 127.0.0.2 GET /: 503 no')
  t.match(judgeFailures(answers(4, 'x', { ok: false })), /^4 of 4 requests failed: (127\.0\.0\.2 x; ){3}…$/)
})

t.test('counts are off beyond their tolerance, and somebody else may never answer', async t => {
  const seen = [...answers(298, OLD), ...answers(102, NEW)]
  const expected = { [OLD]: 300, [NEW]: 100 }
  t.equal(judgeCounts(seen, expected, 2), undefined)
  t.equal(judgeCounts(seen, expected, 1), 'answered: 298 hello 1.0.0, 102 hello 2.0.0; expected: 300 hello 1.0.0, 100 hello 2.0.0, give or take 1')
  t.match(judgeCounts(answers(300, OLD), expected, 2), /answered: 300 hello 1\.0\.0;/)
  t.match(judgeCounts([...seen, ...answers(1, 'auth 1.0.0')], expected, 2), /1 auth 1\.0\.0/)
  t.match(judgeCounts([...seen, ...answers(1, 'GET /: reset', { ok: false })], expected, 2), /1 failed/)
})

t.test('pods answer each as often as the others, and no other pod does', async t => {
  const seen = [...answers(50, OLD), ...answers(50, OLD, { pod: '127.1.0.2:8080' })]
  t.equal(judgePods(seen, ['127.1.0.1', '127.1.0.2']), undefined)
  t.match(judgePods(seen, ['127.1.0.1', '127.1.0.2', '127.1.0.3'], 2), /expected: 33\.3/)
  t.match(judgePods(seen, ['127.1.0.1'], 100), /50 127\.1\.0\.2/)
})

t.test('a client that met another version than its own, or both, or nobody, is astray', async t => {
  const seen = [...answers(3, OLD), ...answers(3, NEW, { client: '127.0.0.3' })]
  t.equal(judgeHomes(seen, new Map([['127.0.0.2', OLD], ['127.0.0.3', NEW]])), undefined)
  t.equal(judgeHomes(seen, new Map([['127.0.0.2', NEW], ['127.0.0.3', NEW]])), '1 of 2 clients were not where they belong: 127.0.0.2 belongs to hello 2.0.0 and met hello 1.0.0')
  t.match(judgeHomes([...seen, ...answers(1, NEW)], new Map([['127.0.0.2', OLD]])), /met hello 1\.0\.0 and hello 2\.0\.0$/)
  t.match(judgeHomes(seen, new Map([['127.0.0.9', OLD]])), /1 of 1 clients/)
})

t.test('the share of a hundred clients may be thirteen points off a quarter', async t => {
  t.equal(Math.round(shareTolerance(0.25, 100) * 100), 13)
  const homes = (canary: number): ReadonlyMap<string, string> => new Map(Array.from({ length: 100 }, (_, index) => [`${index}`, index < canary ? NEW : OLD]))
  for (const canary of [13, 25, 37]) t.equal(judgeShare(homes(canary), NEW, 0.25), undefined, `${canary}`)
  for (const canary of [0, 12, 38, 100]) t.match(judgeShare(homes(canary), NEW, 0.25), /its weight says 25 %, give or take 13 points/, `${canary}`)
})

t.test('what is cleaned up is so in the opposite order, each once, also after one that fails', async t => {
  const cleanups = new LabCleanups()
  const order: number[] = []
  for (const number of [1, 2, 3]) {
    cleanups.teardown(() => {
      order.push(number)
      if (number === 2) throw new Error('it does not end')
    })
  }
  t.match(await cleanups.run(), [{ message: 'it does not end' }])
  t.same(await cleanups.run(), [])
  t.same(order, [3, 2, 1])
})
