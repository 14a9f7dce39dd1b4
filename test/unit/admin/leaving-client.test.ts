import { EventEmitter } from 'node:events'
import t from 'tap'
import { leavingClient } from '../../../src/admin/resources/drain.ts'

class Response extends EventEmitter {
  destroyed = false
}

t.test('it is aborted when the response is closed, and not before', async t => {
  const response = new Response()
  const signal = leavingClient({ response, socket: { destroyed: false } })
  t.equal(signal.aborted, false)
  response.emit('close')
  t.equal(signal.aborted, true)
})

t.test('it is aborted at once when the client is gone already, by the response or by the socket', async t => {
  const gone = new Response()
  gone.destroyed = true
  t.equal(leavingClient({ response: gone, socket: { destroyed: false } }).aborted, true)
  t.equal(leavingClient({ response: new Response(), socket: { destroyed: true } }).aborted, true)
})
