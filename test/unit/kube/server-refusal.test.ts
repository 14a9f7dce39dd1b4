import t from 'tap'
import { refusalOfServer, serverText } from '../../../src/kube/server-refusal.ts'

t.test('what a server says is cut to 300 characters in a line that can be printed, without tokens', async t => {
  t.equal(serverText('one\n\u001b[31mtwo\u2028\u200bthree'), 'one [31mtwo three')
  t.equal(serverText('x'.repeat(2_000)).length, 300)
  t.equal(serverText(`${'x'.repeat(299)}\u{1F600}`).isWellFormed(), true)
  t.equal(serverText('Bearer abc.def is no good, nor is eyJhbGciOi.eyJzdWIi.sig-1'), '[token] is no good, nor is [token]')
})

t.test('a refusal says whose it is, what it says and when to come again', async t => {
  const body = JSON.stringify({ kind: 'Status', message: 'configmaps is forbidden' })
  const forbidden = refusalOfServer({ status: 403, reason: 'Forbidden', body, retryAfter: undefined })
  t.match(forbidden, { status: 403, isStatus: true, message: /answered 403: configmaps is forbidden; does the Role of Weir allow it\?/ })
  const quota = JSON.stringify({ kind: 'Status', message: 'exceeded quota: few' })
  t.match(refusalOfServer({ status: 403, reason: '', body: quota, retryAfter: undefined }), { message: /answered 403: exceeded quota: few$/ })
  t.match(refusalOfServer({ status: 429, reason: 'Too Many', body: 'slower', retryAfter: '2' }), { isStatus: false, retryAfterMs: 2_000, message: /429: slower$/ })
  t.match(refusalOfServer({ status: 503, reason: 'Unavailable', body: '', retryAfter: 'soon' }), { isStatus: false, retryAfterMs: undefined, message: /Unavailable$/ })
})
