import t from 'tap'
import { ProblemError } from '../../../src/admin/problem.ts'
import { readWaitTimeout } from '../../../src/admin/operation.ts'

t.test('a time up to the longest one is taken', async t => {
  t.same(['0ms', '250ms', '30s'].map(text => readWaitTimeout(text, 30)), [0, 250, 30_000])
})

t.test('a longer one is refused, with its place and what is allowed', async t => {
  for (const text of ['30001ms', '31s', '1m', '1h']) {
    try {
      readWaitTimeout(text, 30)
      t.fail(text)
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      t.equal(error.code, 'invalid_request')
      t.same(error.details, {
        detail: 'query/timeout has to be 30s or less',
        errors: [{ path: 'query/timeout', message: 'has to be 30s or less' }]
      })
    }
  }
})
