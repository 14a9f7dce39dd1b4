import t from 'tap'
import { proxyErrorRow } from '../../../src/core/proxy-error.ts'
import {
  type FailedAttempt, type NextStep, nextStep, repeatRule, type StepFacts, type StepPolicy
} from '../../../src/exchange/next-step.ts'
import type { RetryReason } from '../../../src/contract/route-policy.ts'

const RETRIES: StepPolicy['retries'] = { attempts: 3, on: new Set<RetryReason>(['connect', 'reset', 503]), idempotentOnly: true }
const PLAIN: StepPolicy = { retries: RETRIES, whenEmpty: 'fail', failoverOn: null }
const HOLD: StepPolicy = { ...PLAIN, whenEmpty: 'hold' }
const FALLBACK: StepPolicy = { ...PLAIN, whenEmpty: 'fallback' }
const FAILOVER: StepPolicy = { ...PLAIN, failoverOn: new Set<RetryReason>(['connect', 'reset', 503]) }

const FAILED: FailedAttempt = { code: 'upstream_reset', status: 0, idempotent: true, replayable: true, sent: true, reused: false, sawBytes: false }
const RESET = FAILED
const STALE: FailedAttempt = { ...RESET, reused: true }
const POST: FailedAttempt = { ...RESET, idempotent: false }
const REFUSED: FailedAttempt = { ...FAILED, code: 'upstream_connect_failed', sent: false }
const UNAVAILABLE: FailedAttempt = { ...FAILED, code: null, status: 503 }
const TIMEOUT: FailedAttempt = { ...FAILED, code: 'upstream_timeout' }

/** One attempt has failed, and there is room everywhere but no other place. */
const FACTS: StepFacts = { attempts: 1, sentAttempts: 1, failedOver: false, another: false, waning: false, budget: 'left', helper: false, nextChoice: false, holdRoom: true }

const TABLE: ReadonlyArray<readonly [string, FailedAttempt, StepPolicy, Partial<StepFacts>, NextStep]> = [
  ['a reset, another endpoint', RESET, PLAIN, { another: true }, 'repeat'],
  ['a reset, no other endpoint', RESET, PLAIN, {}, 'fail'],
  ['a reset, the attempts are used up', RESET, PLAIN, { another: true, attempts: 3 }, 'fail'],
  ['a reset, the budget is used up', RESET, PLAIN, { another: true, budget: 'used up' }, 'fail'],
  ['a reset, no budget at all', RESET, PLAIN, { another: true, budget: 'never' }, 'fail'],
  ['a kept-alive connection has ended: no budget is asked for', STALE, PLAIN, { another: true, budget: 'never' }, 'repeat'],
  ['refused: no budget is asked for', REFUSED, PLAIN, { another: true, budget: 'never' }, 'repeat'],
  ['refused, the attempts are used up', REFUSED, PLAIN, { another: true, attempts: 3 }, 'fail'],
  ['a POST that was sent', POST, PLAIN, { another: true }, 'fail'],
  ['a POST that was not sent', { ...POST, ...REFUSED, idempotent: false }, PLAIN, { another: true }, 'repeat'],
  ['what is not kept whole', { ...REFUSED, replayable: false }, FALLBACK, { another: true, nextChoice: true }, 'fail'],
  ['a 503 that is listed', UNAVAILABLE, PLAIN, { another: true }, 'repeat'],
  ['a 503, the budget is used up', UNAVAILABLE, PLAIN, { another: true, budget: 'used up' }, 'respond'],
  ['a 502 that is not listed', { ...UNAVAILABLE, status: 502 }, PLAIN, { another: true }, 'respond'],

  ['failover: another endpoint comes first', RESET, FAILOVER, { another: true, helper: true }, 'repeat'],
  ['failover asks for no budget', RESET, FAILOVER, { another: true, helper: true, budget: 'never' }, 'fail over'],
  ['failover, when the attempts are used up', REFUSED, FAILOVER, { another: true, helper: true, attempts: 3 }, 'fail over'],
  ['failover of a POST that was sent', POST, FAILOVER, { helper: true }, 'fail'],
  ['failover of a POST that was not sent', { ...REFUSED, idempotent: false }, FAILOVER, { helper: true }, 'fail over'],
  ['failover of what is not listed', TIMEOUT, FAILOVER, { helper: true }, 'fail'],
  ['failover, the other version has no endpoint', RESET, FAILOVER, {}, 'fail'],
  ['failed over already: nothing goes round', RESET, FAILOVER, { helper: true, failedOver: true }, 'fail'],
  ['failed over already: what was sent is not repeated there', RESET, FAILOVER, { another: true, failedOver: true }, 'fail'],
  ['failed over already: what was refused goes to another endpoint there', REFUSED, FAILOVER, { another: true, failedOver: true }, 'repeat'],

  ['fallback: refused everywhere, any method', { ...REFUSED, idempotent: false }, FALLBACK, { nextChoice: true }, 'fall back'],
  ['fallback: refused, another endpoint comes first', REFUSED, FALLBACK, { nextChoice: true, another: true }, 'repeat'],
  ['fallback: refused so often that the attempts are used up', REFUSED, FALLBACK, { nextChoice: true, another: true, attempts: 3 }, 'fall back'],
  ['fallback: what was sent is no reason', RESET, FALLBACK, { nextChoice: true }, 'fail'],
  ['fallback: nobody else has an endpoint', REFUSED, FALLBACK, {}, 'fail'],
  ['fallback: the version that helps out comes first', REFUSED, { ...FAILOVER, whenEmpty: 'fallback' }, { helper: true, nextChoice: true }, 'fail over'],
  ['fallback: not from the version that helps out', REFUSED, { ...FAILOVER, whenEmpty: 'fallback' }, { failedOver: true, nextChoice: true }, 'fail'],
  ['fail and hold do not fall back', REFUSED, PLAIN, { nextChoice: true }, 'fail'],

  ['hold: refused, any method, however many attempts', { ...REFUSED, idempotent: false }, HOLD, { attempts: 30, budget: 'never' }, 'wait'],
  ['hold: refused, the queue is full', REFUSED, HOLD, { holdRoom: false }, 'fail'],
  ['hold: refused, another endpoint comes first', REFUSED, HOLD, { another: true }, 'repeat'],
  ['hold: the version that helps out comes first', REFUSED, { ...FAILOVER, whenEmpty: 'hold' }, { helper: true }, 'fail over'],
  ['hold: a reset, no endpoint is left', RESET, HOLD, {}, 'wait'],
  ['hold: a reset, the budget is used up: it may not go again, so it does not wait', RESET, HOLD, { budget: 'used up' }, 'fail'],
  ['hold: a reset, another endpoint, which the budget does not let it go to', RESET, HOLD, { another: true, budget: 'used up' }, 'fail'],
  ['hold: a reset, another endpoint, but as many were sent as may be', RESET, HOLD, { another: true, attempts: 3, sentAttempts: 3 }, 'fail'],
  ['hold: a reset, as many were sent as may be', RESET, HOLD, { attempts: 3, sentAttempts: 3 }, 'fail'],
  ['hold: a reset, and the attempts are used up by endpoints that refused', RESET, HOLD, { attempts: 3, sentAttempts: 2 }, 'wait'],
  ['hold: a reset, as many were sent as may be, but the version is losing its endpoints', RESET, HOLD, { attempts: 3, sentAttempts: 3, waning: true }, 'wait'],
  ['hold: a reset, the version is losing its endpoints: the budget is asked when it goes', RESET, HOLD, { waning: true, budget: 'used up' }, 'wait'],
  ['hold: a reset, the version is losing its endpoints, and there never is a budget', RESET, HOLD, { waning: true, budget: 'never' }, 'fail'],
  ['hold: a kept-alive connection has ended: no budget is asked for', STALE, HOLD, { budget: 'never' }, 'wait'],
  ['hold: a POST that was sent', POST, HOLD, { waning: true }, 'fail'],
  ['hold: somebody has answered', UNAVAILABLE, HOLD, { waning: true }, 'respond'],
  ['hold: somebody is there, but slow', TIMEOUT, { ...HOLD, retries: { ...RETRIES, on: new Set<RetryReason>([504]) } }, { waning: true }, 'fail'],
  ['hold: failed over already, and what was sent there is lost', RESET, { ...FAILOVER, whenEmpty: 'hold' }, { failedOver: true, waning: true }, 'fail']
]

for (const [what, failed, policy, facts, step] of TABLE) {
  t.test(`${what}: ${step}`, async t => {
    t.equal(nextStep(failed, policy, { ...FACTS, ...facts }), step)
  })
}

const BOTH = [false, true]
const everyFacts: readonly StepFacts[] = [1, 3].flatMap(attempts => [1, 3].flatMap(sentAttempts => BOTH.flatMap(failedOver => BOTH.flatMap(another => BOTH.flatMap(waning =>
  (['left', 'used up', 'never'] as const).flatMap(budget => BOTH.flatMap(helper => BOTH.flatMap(nextChoice => BOTH.map(holdRoom =>
    ({ attempts, sentAttempts, failedOver, another, waning, budget, helper, nextChoice, holdRoom })))))))))).filter(facts => facts.sentAttempts <= facts.attempts)
const everyCase = [RESET, STALE, POST, REFUSED, UNAVAILABLE, TIMEOUT].flatMap(failed => [PLAIN, HOLD, FALLBACK, FAILOVER].flatMap(policy =>
  everyFacts.map(facts => ({ failed, policy, facts, step: nextStep(failed, policy, facts) }))))

t.test('what was sent is sent again without a budget only by failover, or because a kept-alive connection ended under it', async t => {
  const again = everyCase.filter(
    ({ failed, facts, step }) => failed.sent && facts.budget === 'never' && step !== 'respond' && step !== 'fail'
  )
  t.ok(again.length > 0)
  t.same(again.filter(({ failed, policy, step }) => step !== 'fail over' && repeatRule(failed, policy.retries) !== 'always'), [])
})

t.test('no step needs what is not there', async t => {
  t.same(everyCase.filter(({ facts, step }) =>
    (step === 'repeat' && !facts.another) || (step === 'fail over' && !facts.helper) || (step === 'fall back' && !facts.nextChoice) || (step === 'wait' && !facts.holdRoom)), [])
})

t.test('an answer is passed on where an endpoint has answered, and only there', async t => {
  t.same(everyCase.filter(({ failed, step }) => step === 'respond' && failed.code !== null), [])
  t.same(everyCase.filter(({ failed, step }) => step === 'fail' && (failed.code === null || proxyErrorRow(failed.code).source !== 'upstream')), [])
})
