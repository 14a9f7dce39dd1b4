import t from 'tap'
import { PROXY_ERROR_CODES, PROXY_ERRORS } from '../../../src/core/proxy-error.ts'
import { outcomeOf } from '../../../src/health/endpoint-health.ts'

t.test('answers that say "I cannot serve" are failures, all others are not', async t => {
  for (const status of [200, 204, 301, 404, 429, 500, 501, 505, 599]) t.equal(outcomeOf(null, status), 'success', String(status))
  t.same([502, 503, 504].map(status => outcomeOf(null, status)), ['status_502', 'status_503', 'status_504'])
})

t.test('the table of errors says whom a failure blames', async t => {
  for (const code of PROXY_ERROR_CODES) {
    t.equal(outcomeOf(code, 503), PROXY_ERRORS[code].blamesEndpoint ? code : 'none', code)
  }
})

t.test('a client that leaves, and refusals of our own, say nothing of the endpoint', async t => {
  t.same([outcomeOf('client_gone', 200), outcomeOf('overloaded', 503), outcomeOf('no_endpoint', 503)], ['none', 'none', 'none'])
})
