/**
 * The judge of the conversations has to see what is wrong: made-up conversations, each with one thing that no proxy may do.
 */
import t from 'tap'
import type { ClientRecord } from '../fuzz/conversation-client.ts'
import { judge } from '../fuzz/conversation-judge.ts'
import type { ConversationRecord } from '../fuzz/conversation-lane.ts'
import type { AttemptRecord } from '../fuzz/conversation-origin.ts'
import type { AnswerPlan } from '../fuzz/conversation-plan.ts'
import { latin1 } from '../helpers/http1-message.ts'
import { readStrictRequest } from '../helpers/strict-reader.ts'

const ME = '127.0.0.11'
const OTHER = '127.0.0.12'

const anyAnswer: AnswerPlan = {
  when: 'request', interims: [], raw: undefined, status: 200, minor: 1, framing: 'length', body: '', fields: [], mutations: [], surplus: 'none', cut: undefined, pieces: [], ending: 'keep', slow: false
}

function client (written: string, received: string, changes: Partial<ClientRecord> = {}): ClientRecord {
  const plan = { parts: [written], pipelined: false, pieces: [], ending: 'finish', slow: false, hold: undefined, late: 0 } as const
  return { address: ME, plan, written: latin1(written), cuts: [written.length], received: latin1(received), ended: 'fin', ...changes }
}

function attempt (received: string, sent: string, changes: Partial<AttemptRecord> = {}): AttemptRecord {
  return { serial: 0, connection: 0, plan: anyAnswer, reading: readStrictRequest(latin1(received)), received: latin1(received), sent: latin1(sent), ended: 'open', lost: false, ...changes }
}

function record (clients: readonly ClientRecord[], attempts: readonly AttemptRecord[], changes: Partial<ConversationRecord['plan']> = {}): ConversationRecord {
  return { plan: { clients: clients.map(({ plan }) => plan), answers: [anyAnswer], upgrades: false, clean: false, ...changes }, clients, attempts, violations: [] }
}

const asked = (line: string, fields = '', body = ''): string => `${line} HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`
const passed = (line: string, fields = '', body = '', owner = ME): string => `${line} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${owner}\r\n${fields}\r\n${body}`
const answered = (body: string, fields = ''): string => `HTTP/1.1 200 OK\r\nX-Serial: 0\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`
const REFUSED = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
const GIVEN_UP = 'HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n'
const TOO_LATE = 'HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlate'
const POST = 'Content-Length: 3\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nX-Serial: 0\r\n\r\n'
const UPGRADE = 'Connection: upgrade\r\nUpgrade: websocket\r\n'

const fine: ReadonlyArray<readonly [string, ConversationRecord]> = [
  ['a request and its answer', record([client(asked('GET /'), answered('one'))], [attempt(passed('GET /'), answered('one'))], { clean: true })],
  ['a body in other chunks', record([client(asked('POST /', CHUNKED, '3\r\nabc\r\n0\r\n\r\n'), answered('one'))], [attempt(passed('POST /', CHUNKED, '1\r\na\r\n2\r\nbc\r\n0\r\n\r\n'), answered('one'))])],
  ['a refused request', record([client('GET / HTTP/1.1\r\n\r\n', REFUSED)], [])],
  ['an idempotent request again, after nothing came', record([client(asked('GET /'), answered('one'))], [attempt(passed('GET /'), ''), attempt(passed('GET /'), answered('one'), { serial: 1 })])],
  ['a request that the origin reads when Weir has given it up and sent the next', record([client(asked('DELETE /1') + asked('POST /2'), GIVEN_UP + answered('two'))], [attempt(passed('POST /2'), answered('two')), attempt(passed('DELETE /1'), answered('one'), { serial: 1 })])],
  ['an idempotent request that was sent twice before Weir gave it up', record([client(asked('GET /1') + asked('GET /2'), GIVEN_UP + answered('two'))], [attempt(passed('GET /1'), ''), attempt(passed('GET /2'), answered('two'), { serial: 1 }), attempt(passed('GET /1'), '', { serial: 2 })])],
  ['a timeout with content, for all that came of HEAD in time', record([client(asked('GET /') + asked('HEAD /'), answered('one') + TOO_LATE, { cuts: [asked('GET /').length + 4, 100] })], [attempt(passed('GET /'), answered('one'))])],
  ['a timeout without content, for a HEAD that came in two pieces', record([client(asked('HEAD /'), TOO_LATE.slice(0, -4), { cuts: [4, 100] })], [])],
  ['a part of a body, of a request that is a part', record([client(asked('POST /', POST, 'ab'), '')], [attempt(passed('POST /', POST, 'a'), '')])],
  ['a response that is cut on both sides', record([client(asked('GET /'), answered('one').slice(0, -1))], [attempt(passed('GET /'), answered('one').slice(0, -1))])],
  ['a tunnel', record([client(asked('GET /', UPGRADE, 'GET / '), `${SWITCHED}ab`)], [attempt(passed('GET /', UPGRADE, 'GET'), `${SWITCHED}abc`)], { upgrades: true })]
]

const wrong: ReadonlyArray<readonly [string, RegExp, ConversationRecord]> = [
  ['a smuggled request', /did not send then/, record([client(asked('POST /', 'Content-Length: 30\r\n', asked('GET /hidden')), '')], [attempt(passed('GET /hidden'), '')])],
  ['a request behind one that is not valid', /did not send then/, record([client(`GET / HTTP/1.1\r\n\r\n${asked('GET /hidden')}`, REFUSED)], [attempt(passed('GET /hidden'), '')])],
  ['a request behind the last one', /did not send then/, record([client(asked('GET /', 'Connection: close\r\n') + asked('GET /hidden'), answered('one'))], [attempt(passed('GET /'), answered('one')), attempt(passed('GET /hidden'), '')])],
  ['another body', /did not send then/, record([client(asked('POST /', POST, 'abc'), '')], [attempt(passed('POST /', POST, 'abd'), '')])],
  ['another framing', /did not send then/, record([client(asked('POST /', POST, 'abc'), '')], [attempt(passed('POST /', CHUNKED, '3\r\nabc\r\n0\r\n\r\n'), '')])],
  ['another field', /did not send then/, record([client(asked('GET /', 'X-A: 1\r\n'), '')], [attempt(passed('GET /', 'X-A: 2\r\n'), '')])],
  ['a whole request made of a part', /did not send then/, record([client(asked('POST /', CHUNKED, '3\r\nabc\r\n'), '')], [attempt(passed('POST /', CHUNKED, '3\r\nabc\r\n0\r\n\r\n'), '')])],
  ['a POST sent twice', /did not send then/, record([client(asked('POST /'), '')], [attempt(passed('POST /'), ''), attempt(passed('POST /'), '')])],
  ['a request sent again after its answer', /did not send then/, record([client(asked('GET /'), answered('one'))], [attempt(passed('GET /'), answered('one')), attempt(passed('GET /'), '')])],
  ['a request that is read behind the next one although it was answered', /did not send then/, record([client(asked('GET /1') + asked('GET /2'), answered('one') + answered('two'))], [attempt(passed('GET /2'), answered('two')), attempt(passed('GET /1'), answered('one'))])],
  ["a request behind the next one to which the 504 is the origin's", /did not send then/, record([client(asked('GET /1') + asked('GET /2'), GIVEN_UP.replace('\r\n', '\r\nX-Serial: 1\r\n') + answered('two'))], [attempt(passed('GET /2'), answered('two')), attempt(passed('GET /1'), '')])],
  ['a request behind the next one that Weir has refused', /did not send then/, record([client(asked('GET /1') + asked('GET /2'), GIVEN_UP.replace('504', '403') + answered('two'))], [attempt(passed('GET /2'), answered('two')), attempt(passed('GET /1'), '')])],
  ['a POST that was given up and is sent again', /did not send then/, record([client(asked('POST /1') + asked('POST /2'), GIVEN_UP + answered('two'))], [attempt(passed('POST /1'), ''), attempt(passed('POST /2'), answered('two')), attempt(passed('POST /1'), '')])],
  ['a request of nobody', /from nobody/, record([client(asked('GET /'), '')], [attempt(passed('GET /', '', '', '192.0.2.1'), '')])],
  ['a length with zeros before it', /not canonical/, record([client(asked('POST /', POST, 'abc'), '')], [attempt(passed('POST /', 'Content-Length: 003\r\n', 'abc'), '')])],
  ['what is for the next hop only', /meant for Weir/, record([client(asked('GET /', UPGRADE), '')], [attempt(passed('GET /', UPGRADE), '')])],
  ['the answer to another client', /did not send it/, record([client(asked('GET /'), answered('two')), client(asked('GET /2'), '', { address: OTHER })], [attempt(passed('GET /'), answered('one')), attempt(passed('GET /2', '', '', OTHER), answered('two'))])],
  ['answers in another order', /did not send it/, record([client(asked('GET /1') + asked('GET /2'), answered('two') + answered('one'))], [attempt(passed('GET /1'), answered('one')), attempt(passed('GET /2'), answered('two'))])],
  ['a response that is cut and looks whole', /did not send it/, record([client(asked('GET /'), answered('on'))], [attempt(passed('GET /'), answered('one').slice(0, -1))])],
  ['a response until close that is cut and looks whole', /did not send it/, record([client('GET / HTTP/1.0\r\n\r\n', 'HTTP/1.1 200 OK\r\nX-Serial: 0\r\n\r\non')], [attempt(passed('GET /').replace('Host: a\r\n', 'Host: b\r\n'), answered('one').slice(0, -1))])],
  ['a malformed response', /malformed/, record([client(asked('GET /'), 'HTTP/1.1 200 OK\nX: 1\r\n\r\n')], [])],
  ['surplus bytes', /answer no question/, record([client(asked('GET /'), answered('one') + answered('two'))], [attempt(passed('GET /'), answered('one') + answered('two'))])],
  ['the content of a timeout to a HEAD', /answer no question/, record([client(asked('HEAD /'), TOO_LATE, { cuts: [5, 100] })], [])],
  ['the content of a refusal to a HEAD', /answer no question/, record([client(asked('HEAD /'), TOO_LATE.replace('408', '400'), { cuts: [4, 100] })], [])],
  ['bytes behind the last answer', /answer no question/, record([client(asked('GET /') + asked('GET /'), REFUSED + answered('one'))], [])],
  ['an interim response of nobody', /interim response that the origin did not send/, record([client(asked('GET /'), `HTTP/1.1 103 Early Hints\r\n\r\n${answered('one')}`)], [attempt(passed('GET /'), answered('one'))])],
  ['an interim response to HTTP/1.0', /does not know/, record([client('GET / HTTP/1.0\r\nHost: a\r\n\r\n', `HTTP/1.1 103 Early Hints\r\n\r\n${answered('one')}`)], [attempt(passed('GET /'), `HTTP/1.1 103 Early Hints\r\n\r\n${answered('one')}`)])],
  ['an upgrade that nobody asked for', /did not ask/, record([client(asked('GET /'), SWITCHED)], [attempt(passed('GET /'), SWITCHED)], { upgrades: true })],
  ['other bytes in a tunnel', /tunnel has changed/, record([client(asked('GET /', UPGRADE, 'abc'), SWITCHED)], [attempt(passed('GET /', UPGRADE, 'abd'), SWITCHED)], { upgrades: true })],
  ['a refusal when everybody behaves', /without its answer/, record([client(asked('GET /'), REFUSED)], [], { clean: true })],
  ['what was seen meanwhile', /a defect/, { ...record([], []), violations: ['a defect'] }]
]

for (const [name, conversation] of fine) {
  t.test(`${name} is as it should be`, async t => { t.equal(judge(conversation), undefined) })
}

for (const [name, pattern, conversation] of wrong) {
  t.test(`${name} is seen`, async t => { t.match(judge(conversation) ?? 'nothing is wrong', pattern) })
}
