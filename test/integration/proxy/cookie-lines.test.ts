/** Fronts that speak HTTP/2 send one Cookie line for each cookie (RFC 9113 section 8.2.3): to Weir they are one. */
import { proxyTest } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { valuesOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

proxyTest('a client keeps its version by its cookie, in whatever lines its cookies come', async (t, bench) => {
  const origins = [
    await bench.extraOrigin((_, connection) => { connection.send(ok('v1')) }),
    await bench.extraOrigin((_, connection) => { connection.send(ok('v2')) })
  ]
  bench.route([{ affinity: { by: 'cookie', cookie: 'sid', level: 'version' }, weights: { v1: 1, v2: 1 } }])
  for (const [index, origin] of origins.entries()) bench.endpoints(`v${index + 1}`, [origin.port])
  const client = await bench.client()
  const versions = new Set<string>()
  for (let user = 0; user < 16; user++) {
    const first = (await client.ask(get('/', `Cookie: sid=${user}\r\n`))).body.toString()
    versions.add(first)
    for (let visit = 0; visit < 4; visit++) {
      const ga = `_ga=GA1.1.${user}.${visit}`
      for (const lines of [
        `Cookie: sid=${user}\r\nCookie: ${ga}\r\n`, `Cookie: ${ga}\r\ncookie: sid=${user}\r\n`,
        `Cookie: ${ga}\r\nX: y\r\nCookie: b=1; sid=${user}\r\nCookie: c=2\r\n`
      ]) t.equal((await client.ask(get('/', lines))).body.toString(), first, lines)
    }
  }
  t.equal(versions.size, 2)
})

proxyTest('the lines go on as they came', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok()) })
  await (await bench.client()).ask(get('/', 'Cookie: a=1\r\nCookie: b=2\r\n'))
  t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'cookie'), ['a=1', 'b=2'])
})

proxyTest('a client with two lines of a header that is no list is known by the first', async (t, bench) => {
  const origins = [
    await bench.extraOrigin((_, connection) => { connection.send(ok('v1')) }),
    await bench.extraOrigin((_, connection) => { connection.send(ok('v2')) })
  ]
  bench.route([{ affinity: { by: 'header', header: 'Authorization', level: 'version' }, weights: { v1: 1, v2: 1 } }])
  for (const [index, origin] of origins.entries()) bench.endpoints(`v${index + 1}`, [origin.port])
  const client = await bench.client()
  for (let user = 0; user < 16; user++) {
    const first = (await client.ask(get('/', `Authorization: Bearer ${user}\r\n`))).body.toString()
    t.equal((await client.ask(get('/', `Authorization: Bearer ${user}\r\nAuthorization: Bearer other\r\n`))).body.toString(), first)
  }
})
