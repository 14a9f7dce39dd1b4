/**
 * The origin of the conversations has to keep what it got, and to see what came when it may not.
 */
import net from 'node:net'
import t from 'tap'
import { ConversationOrigin, type AttemptRecord } from '../fuzz/conversation-origin.ts'
import type { AnswerPlan } from '../fuzz/conversation-plan.ts'
import { Stillness } from '../fuzz/stillness.ts'
import { RawClient, get } from '../helpers/raw-client.ts'

const answer: AnswerPlan = {
  when: 'request', interims: [], raw: undefined, status: 200, minor: 1, framing: 'length', body: 'x', fields: [], mutations: [], surplus: 'none', cut: undefined, pieces: [], ending: 'close', slow: false
}

/** What the origin has seen when it has answered all of these bytes, which come at once. */
async function send (bytes: string, answers: readonly AnswerPlan[]): Promise<{ readonly records: readonly AttemptRecord[], readonly violations: readonly string[] }> {
  const origin = new ConversationOrigin(new Stillness())
  const port = await origin.listen()
  try {
    origin.begin(answers)
    const client = await RawClient.connect(port)
    client.expect('GET', 'GET')
    client.send(bytes)
    await client.untilEnded()
    client.destroy()
    return { records: origin.records, violations: origin.violations }
  } finally {
    await origin.close()
  }
}

for (const [how, pieces] of [['one piece', []], ['pieces', [20]]] as const) {
  t.test(`a request answered in ${how} is kept`, async t => {
    const { records, violations } = await send(get('/1'), [{ ...answer, pieces }])
    t.same(records.map(({ received }) => received.toString('latin1')), [get('/1')])
    t.same(violations, [])
  })

  t.test(`a request that comes before an answer in ${how} is seen`, async t => {
    const { records, violations } = await send(get('/1') + get('/2'), [{ ...answer, pieces, ending: 'keep' }, { ...answer, pieces }])
    t.match(violations.join(), /more bytes before it had answered/)
    t.same(records.map(({ reading }) => reading.message?.target), ['/1', '/2'])
  })
}

t.test('a request on a connection that was given up before it was accepted belongs to this conversation', async t => {
  const origin = new ConversationOrigin(new Stillness())
  const port = await origin.listen()
  origin.begin([answer])
  const client = net.connect({ host: '127.0.0.1', port })
  client.end(get('/late'))
  client.resume()
  await origin.settle()
  t.same(origin.records.map(({ received }) => received.toString('latin1')), [get('/late')])
  await origin.close()
})
