import { proxyTest } from '../helpers/data-plane.ts'
import { statusOf, valuesOf } from '../helpers/raw-http.ts'
import { ok } from '../helpers/raw-origin.ts'

proxyTest('case 21: a final answer instead of the 100 says that the connection ends with it', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST')
  client.send('POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
  const connection = await origin.connection()
  await connection.head()
  connection.send(ok('early').replace('200 OK', '401 Unauthorized'))
  const answer = await client.next()
  t.same([statusOf(answer), valuesOf(answer, 'connection')], [401, ['close']])
  await client.untilEnded()
})
