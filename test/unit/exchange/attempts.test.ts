import t from 'tap'
import { PROXY_ERROR_CODES, proxyErrorRow, type ProxyErrorCode } from '../../../src/core/proxy-error.ts'
import { isIdempotent } from '../../../src/http/idempotent.ts'
import { type FailedAttempt, type RepeatRule, repeatRule, retryReason } from '../../../src/exchange/next-step.ts'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { RETRY_REASONS, type RetryPolicy, type RetryReason } from '../../../src/contract/route-policy.ts'

const BOTH = [false, true]
const STATUSES = [0, 200, 404, 500, 501, 502, 503, 504, 505]

/** Every attempt that can fail: each code without a status, and each status without a code. */
function everyFailure (): readonly FailedAttempt[] {
  const causes: ReadonlyArray<Pick<FailedAttempt, 'code' | 'status'>> = [
    ...PROXY_ERROR_CODES.map(code => ({ code, status: 0 })),
    ...STATUSES.map(status => ({ code: null, status }))
  ]
  return causes.flatMap(cause => BOTH.flatMap(idempotent => BOTH.flatMap(replayable => BOTH.flatMap(sent => BOTH.flatMap(reused => BOTH.map(sawBytes =>
    ({ ...cause, idempotent, replayable, sent, reused, sawBytes })))))))
}

function policy (on: readonly RetryReason[], idempotentOnly: boolean): RetryPolicy {
  return { attempts: 3, on: new Set(on), perTryTimeoutMs: 0, idempotentOnly, bufferBytes: 65_536, budget: { share: 0.2, minimum: 3 } }
}

const POLICIES = [[], ['connect', 'reset'], [...RETRY_REASONS], ...RETRY_REASONS.map(reason => [reason])] as const
const everyCase = POLICIES.flatMap(on => BOTH.flatMap(idempotentOnly => everyFailure().map(failed => ({ failed, on: new Set<RetryReason>(on), idempotentOnly, rule: repeatRule(failed, policy(on, idempotentOnly)) }))))

function countOf (rule: RepeatRule): number {
  return everyCase.filter(one => one.rule === rule).length
}

t.test('the table has all three outcomes', async t => {
  for (const rule of ['always', 'policy', 'never'] as const) t.ok(countOf(rule) > 100, `${countOf(rule)} of ${everyCase.length} are ${rule}`)
})

t.test('what is not kept whole is never sent again', async t => {
  t.same(everyCase.filter(({ failed, rule }) => !failed.replayable && rule !== 'never'), [])
})

t.test('a failure that no endpoint caused is never a reason', async t => {
  t.same(everyCase.filter(({ failed, rule }) => failed.code !== null && proxyErrorRow(failed.code).source !== 'upstream' && rule !== 'never'), [])
})

t.test('what was never sent is sent again whatever the method and the policy are', async t => {
  const unsent = everyCase.filter(({ failed }) => !failed.sent && failed.replayable && (failed.code === null || proxyErrorRow(failed.code).source === 'upstream'))
  t.ok(unsent.length > 100)
  t.same(unsent.filter(({ rule }) => rule !== 'always'), [])
})

t.test('of what was sent, only a lost request on a kept-alive connection is sent again in any case, if it is idempotent', async t => {
  for (const { failed, rule } of everyCase) {
    if (!failed.sent || rule !== 'always') continue
    t.match(failed, { code: 'upstream_reset', idempotent: true, reused: true, sawBytes: false, replayable: true })
  }
  t.ok(everyCase.some(({ failed, rule }) => failed.sent && rule === 'always'))
})

t.test('a request that is not idempotent and was sent is repeated only if the route allows that, and lists it', async t => {
  const sent = everyCase.filter(({ failed, rule }) => failed.sent && !failed.idempotent && rule !== 'never')
  t.ok(sent.length > 0)
  t.same(sent.filter(({ idempotentOnly, rule }) => idempotentOnly || rule !== 'policy'), [])
})

t.test('the policy repeats exactly what it lists', async t => {
  for (const { failed, on, idempotentOnly, rule } of everyCase) {
    if (!failed.sent || !failed.replayable || rule === 'always' || (!failed.idempotent && idempotentOnly)) continue
    const reason = retryReason(failed.code, failed.status)
    const listed = reason !== undefined && on.has(reason)
    if (rule !== (listed ? 'policy' : 'never')) t.fail(`${JSON.stringify(failed)} is ${rule}`)
  }
})

t.test('each failure has the name that the configuration knows it by', async t => {
  const named = Object.fromEntries(PROXY_ERROR_CODES.flatMap(code => {
    const reason = retryReason(code, 0)
    return reason === undefined ? [] : [[code, reason]]
  }))
  t.strictSame(named, {
    upstream_connect_failed: 'connect',
    upstream_connect_timeout: 'connect',
    upstream_tls_failed: 'connect',
    upstream_reset: 'reset',
    upstream_malformed: 502,
    upstream_timeout: 504
  })
  t.same(STATUSES.map(status => retryReason(null, status)), [undefined, undefined, undefined, undefined, undefined, 502, 503, 504, undefined])
})

t.test('the table of errors says the same of each code', async t => {
  const sent = { status: 0, replayable: true, sent: true, reused: false, sawBytes: false }
  const rules = (code: ProxyErrorCode) => ({
    unsent: repeatRule({ ...sent, code, sent: false, idempotent: false }, policy([], true)),
    idempotent: repeatRule({ ...sent, code, reused: true, idempotent: true }, policy([], true)),
    listed: repeatRule({ ...sent, code, idempotent: true }, policy([502, 503, 504], true))
  })
  for (const code of PROXY_ERROR_CODES) {
    const { retry } = proxyErrorRow(code)
    if (retry === 'unsent') t.equal(rules(code).unsent, 'always', code)
    t.equal(rules(code).idempotent, retry === 'idempotent' ? 'always' : 'never', code)
    t.equal(rules(code).listed, retry === 'listed' ? 'policy' : 'never', code)
  }
})

t.test('the methods that RFC 9110 calls idempotent are, others are not', async t => {
  const head = new RequestHead({ maxHeadBytes: 4_096, maxHeaderFields: 32, maxUriBytes: 1_024 })
  const idempotent = (method: string): boolean => {
    const bytes = Buffer.from(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`)
    head.reset(bytes, 0)
    t.equal(head.parse(bytes.length), 1)
    return isIdempotent(head)
  }
  t.same(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'].map(idempotent), Array.from({ length: 6 }, () => true))
  t.same(['POST', 'PATCH', 'QUERY', 'PROPFIND', 'get', 'GETS', 'LOCK'].map(idempotent), Array.from({ length: 7 }, () => false))
})
