/**
 * Connections to the admin API that are not idle do not keep Weir from its end.
 */
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { RawClient } from '../../helpers/raw-client.ts'
import { startWeir } from '../../helpers/weir-process.ts'

const HALF_A_HEAD = 'GET /healthz HTTP/1.1\r\nHost: local'
const HALF_A_BODY = 'PUT /v1/routes/hello/weights HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{'
/** Less than the minute that a connection may be silent, and far more than the second that they are given. */
const LIMIT_MS = 45_000
const ANSWERS = 'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(500)

for (const [what, signal, bytes] of [
  ['sends nothing', 'SIGTERM', ''],
  ['sends half a head', 'SIGINT', HALF_A_HEAD],
  ['sends half a body', 'SIGTERM', HALF_A_BODY],
  ['does not read its answers', 'SIGTERM', ANSWERS]
] as const) {
  t.test(`a client of the admin API that ${what} does not hold up the exit after ${signal}`, async t => {
    const weir = await startWeir(t, { config: () => ({ workers: 1, routes: [], drain: { delay: '0s', timeout: '1s' } }) })
    const client = await RawClient.connect(weir.ports.admin)
    t.teardown(() => { client.socket.destroy() })
    client.socket.pause()
    if (bytes !== '') client.send(bytes)
    t.equal((await weir.api('GET', '/healthz')).status, 200, 'the connection before this one has been accepted')
    weir.kill(signal)
    t.equal(await Promise.race([weir.end(), wait(LIMIT_MS, 'it still runs', { ref: false })]), 0)
    t.equal(weir.logged('weir has stopped').length, 1)
  })
}
