/** Case 51, the tunnel: bytes both ways in order, ends and resets of either side, and what is left of it. */
import { randomBytes } from 'node:crypto'
import { proxyTest, type ProxyBench } from '../helpers/data-plane.ts'
import { echoTarget } from '../helpers/observe-request.ts'
import { acceptUpgrade, openTunnel, switching, untilTunnelled, untilTunnelsClosed, WEBSOCKET, type OpenTunnel } from '../helpers/open-tunnel.ts'
import { pump, pumpedHash, untilStalled } from '../helpers/pump.ts'
import { get } from '../helpers/raw-client.ts'
import { statusOf } from '../helpers/raw-http.ts'
import type { RawPeer } from '../helpers/raw-peer.ts'
import { readSlowlyUntil } from '../helpers/read-slowly.ts'

const MIB = 1_048_576

/** The two ends of a tunnel by which one speaks and which one hears. */
function sides ({ client, endpoint }: OpenTunnel, from: 'client' | 'endpoint'): { readonly near: RawPeer, readonly far: RawPeer } {
  return from === 'client' ? { near: client, far: endpoint } : { near: endpoint, far: client }
}

/** The kernel does not tell of a reset that comes behind an end, until something is written. */
async function speakUntilClosed (bench: ProxyBench, peer: RawPeer): Promise<void> {
  await bench.until('the close', () => {
    if (!peer.closed) peer.send('anybody there?')
    return peer.closed
  })
}

/** The failures that were counted for the version, by whatever code. */
function failures (bench: ProxyBench): number {
  return bench.version().errors.reduce((sum, count) => sum + count, 0)
}

proxyTest('case 51: bytes go both ways in turn, whatever they are', async (t, bench) => {
  const tunnel = await openTunnel(bench, await bench.origin())
  const { client, endpoint } = tunnel
  let up = ''
  let down = ''
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\0', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', '0\r\n\r\n', '\x81\x05hello', '\xff\n\n']) {
    client.send(bytes)
    await untilTunnelled(endpoint, up += bytes)
    endpoint.send(bytes)
    await untilTunnelled(client, down += bytes)
  }
  t.same([endpoint.reader.messages.length, client.reader.messages.length], [1, 1], 'one request and one 101')
})

proxyTest('case 51: pieces of all sizes keep their order both ways at once', async (t, bench) => {
  const { client, endpoint } = await openTunnel(bench, await bench.origin())
  const pieces = Array.from({ length: 60 }, (_, index) => `<${index}>`.padEnd([1, 7, 300, 4_096, 8_192, 10_000, 70_000, 140_000][index % 8] ?? 1, String.fromCharCode(33 + index)))
  await Promise.all([client.sendPieces(pieces), endpoint.sendPieces(pieces.toReversed())])
  await endpoint.until('all pieces', () => endpoint.reader.tunnelBytes === pieces.join('').length)
  await client.until('all pieces', () => client.reader.tunnelBytes === pieces.join('').length)
  t.ok(endpoint.reader.tunnelText === pieces.join(''))
  t.ok(client.reader.tunnelText === pieces.toReversed().join(''))
})

for (const from of ['client', 'endpoint'] as const) {
  proxyTest(`case 51: when the ${from} ends its side the other one still speaks, and its end is the end`, async (t, bench) => {
    const tunnel = await openTunnel(bench, await bench.origin())
    tunnel.endpoint.staysOpen = true
    const { near, far } = sides(tunnel, from)
    near.send('last words')
    near.end()
    await far.untilEnded()
    await untilTunnelled(far, 'last words')
    for (const text of ['still', 'stillhere']) {
      far.send(text.replace(/^still(?=.)/, ''))
      await untilTunnelled(near, text)
    }
    t.same([near.ended, bench.version().tunnels], [false, 1])
    far.end()
    await near.untilEnded()
    await Promise.all([near.untilClosed(), far.untilClosed()])
    t.same([near.error, far.error], [undefined, undefined])
    await untilTunnelsClosed(bench)
    t.equal(failures(bench), 0)
  })

  proxyTest(`case 51: what the ${from} has sent before its end arrives whole at a reader that is slow`, async (t, bench) => {
    const tunnel = await openTunnel(bench, await bench.origin())
    tunnel.endpoint.staysOpen = true
    const { near, far } = sides(tunnel, from)
    far.socket.pause()
    far.reader.hashBodies = true
    const total = 64 * MIB
    near.send(Buffer.alloc(total))
    near.end()
    far.end()
    await untilStalled(() => near.socket.writableLength)
    t.ok(near.socket.writableLength > 0, 'not all of it fits on the way')
    await readSlowlyUntil(far, () => near.socket.writableLength === 0)
    far.socket.resume()
    await far.untilEnded()
    t.equal(far.reader.tunnelBytes, total)
    await Promise.all([near.untilClosed(), far.untilClosed()])
    t.same([near.error, far.error], [undefined, undefined])
    await untilTunnelsClosed(bench)
    t.equal(failures(bench), 0)
  })

  proxyTest(`case 51: a reset by the ${from} is a reset for the other one, at once`, async (t, bench) => {
    const tunnel = await openTunnel(bench, await bench.origin())
    const { near, far } = sides(tunnel, from)
    near.send('last words')
    await untilTunnelled(far, 'last words')
    near.reset()
    await far.untilClosed()
    t.same([far.ended, far.error], [false, 'ECONNRESET'])
    await untilTunnelsClosed(bench)
    t.same([bench.errors(from === 'client' ? 'client_gone' : 'upstream_truncated'), failures(bench)], [1, 1])
  })

  proxyTest(`case 51: a reset by the ${from} after its end, and after the other one's, is passed on`, async (t, bench) => {
    for (const first of ['near', 'far'] as const) {
      const origin = await bench.origin()
      const tunnel = await openTunnel(bench, origin)
      tunnel.endpoint.staysOpen = true
      const { near, far } = sides(tunnel, from)
      if (first === 'near') near.end()
      else far.end()
      await (first === 'near' ? far : near).untilEnded()
      near.reset()
      await speakUntilClosed(bench, far)
      await untilTunnelsClosed(bench)
    }
    t.equal(bench.version().tunnelsTotal, 2)
  })

  proxyTest(`case 51: ${from === 'client' ? 'a client' : 'an endpoint'} that is gone, and not only ended, is found out when the other one speaks`, async (t, bench) => {
    const tunnel = await openTunnel(bench, await bench.origin())
    tunnel.endpoint.staysOpen = true
    const { near, far } = sides(tunnel, from)
    near.destroy()
    await far.untilEnded()
    t.equal(bench.version().tunnels, 1)
    await speakUntilClosed(bench, far)
    await untilTunnelsClosed(bench)
    t.equal(failures(bench), 1)
  })
}

proxyTest('case 51: both sides that end at once end the tunnel in peace', async (t, bench) => {
  const origin = await bench.origin()
  for (let round = 0; round < 20; round++) {
    const { client, endpoint } = await openTunnel(bench, origin)
    client.send('a')
    endpoint.send('b')
    client.end()
    endpoint.end()
    await Promise.all([client.untilClosed(), endpoint.untilClosed()])
    t.same([client.reader.tunnelText, endpoint.reader.tunnelText, client.error, endpoint.error], ['b', 'a', undefined, undefined])
  }
  await untilTunnelsClosed(bench)
  t.same([failures(bench), bench.version().tunnelsTotal], [0, 20])
})

proxyTest('case 51: a client that has ended its side before the 101 has an ended side in the tunnel', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('GET')
  client.send(`${get('/', WEBSOCKET)}last words`)
  client.end()
  const endpoint = await origin.connection()
  endpoint.staysOpen = true
  await endpoint.next()
  acceptUpgrade(endpoint)
  await endpoint.untilEnded()
  await untilTunnelled(endpoint, 'last words')
  endpoint.send('an answer')
  await untilTunnelled(client, 'an answer')
  endpoint.end()
  await client.untilEnded()
  await untilTunnelsClosed(bench)
  t.equal(failures(bench), 0)
})

for (const glued of ['', 'bytes']) {
  proxyTest(`case 51: an endpoint that ends its side right behind its 101${glued === '' ? '' : ' and some bytes'} has an ended side in the tunnel`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => {
      acceptUpgrade(connection, `${switching()}${glued}`)
      connection.end()
    })
    const client = await bench.client()
    client.expect('GET')
    client.send(get('/', WEBSOCKET))
    t.equal(statusOf(await client.next()), 101)
    await client.untilEnded()
    t.equal(client.reader.tunnelText, glued)
    client.send('still there')
    await untilTunnelled(await origin.connection(), 'still there')
    client.end()
    await untilTunnelsClosed(bench)
    t.equal(failures(bench), 0)
  })

  proxyTest(`case 51: an endpoint that resets right behind its 101${glued === '' ? '' : ' and some bytes'} leaves nothing`, async (t, bench) => {
    await bench.origin((_, connection) => {
      connection.send(`${switching()}${glued}`)
      connection.reset()
    })
    const client = await bench.client()
    client.expect('GET')
    client.send(get('/', WEBSOCKET))
    await client.until('an end', () => client.closed || client.ended)
    await bench.until('the exchange to be over', () => bench.plane.inFlight === 0 && bench.version().tunnels === 0 && bench.version().inFlight === 0)
    t.equal(failures(bench), 1)
  })
}

for (const who of ['client', 'endpoint', 'both'] as const) {
  proxyTest(`case 51: the connection of a tunnel is never used again, when ${who === 'both' ? 'both have' : `the ${who} has`} ended it`, async (t, bench) => {
    const origin = await bench.origin()
    const tunnel = await openTunnel(bench, origin)
    tunnel.endpoint.staysOpen = true
    const other = await bench.client()
    other.expect('GET')
    other.send(get('/meanwhile'))
    const next = await origin.connection(1)
    echoTarget(await next.next(), next)
    t.equal((await other.answer()).body.toString(), '/meanwhile')
    t.equal(bench.counters.upstreamIdle, 1, 'the one of the other request')
    if (who !== 'endpoint') tunnel.client.end()
    if (who !== 'client') tunnel.endpoint.end()
    await (who === 'endpoint' ? tunnel.client : tunnel.endpoint).untilEnded()
    if (who !== 'both') t.equal(bench.version().tunnels, 1)
    if (who === 'client') tunnel.endpoint.end()
    if (who === 'endpoint') tunnel.client.end()
    await untilTunnelsClosed(bench)
    await bench.until('its connection to go', () => bench.counters.upstreamOpen === 1)
    t.equal(bench.counters.upstreamIdle, 1)
    other.expect('GET')
    other.send(get('/after'))
    echoTarget(await next.next(), next)
    t.equal((await other.answer()).body.toString(), '/after')
    t.equal(tunnel.endpoint.reader.messages.length, 1)
  })
}

proxyTest('case 38: what goes through tunnels side by side, both ways, to readers that stall now and then, stays whole', async (t, bench) => {
  const origin = await bench.origin()
  const piece = randomBytes(MIB)
  const total = 12 * MIB
  const expected = pumpedHash(piece, total)
  const tunnels = [await openTunnel(bench, origin), await openTunnel(bench, origin), await openTunnel(bench, origin), await openTunnel(bench, origin)]
  const peers = tunnels.flatMap(({ client, endpoint }) => [client, endpoint])
  for (const peer of peers) peer.reader.hashBodies = true
  const sending = peers.map(async peer => { await pump(peer, piece, total) })
  await Promise.all(peers.map(async (peer, index) => {
    if (index % 3 !== 0) await readSlowlyUntil(peer, () => peer.reader.tunnelBytes > total / 3)
    peer.socket.resume()
    await peer.until('all of it', () => peer.reader.tunnelBytes === total)
  }))
  await Promise.all(sending)
  t.ok(peers.every(({ reader }) => reader.tunnelHash.equals(expected)))
})

for (const from of ['client', 'endpoint'] as const) {
  proxyTest(`case 39: a reader that stalls at the far end of a tunnel from the ${from} holds less than 48 MiB on the way, and gets all of it later`, async (t, bench) => {
    const tunnel = await openTunnel(bench, await bench.origin())
    const { near, far } = sides(tunnel, from)
    far.socket.pause()
    far.reader.hashBodies = true
    const total = 96 * MIB
    near.send(Buffer.alloc(total))
    await untilStalled(() => near.socket.writableLength)
    t.ok(near.socket.writableLength > total - 48 * MIB, `${total - near.socket.writableLength} bytes were taken`)
    far.send('the other way is free')
    await untilTunnelled(near, 'the other way is free')
    far.socket.resume()
    await far.until('all of it', () => far.reader.tunnelBytes === total)
    t.equal(failures(bench), 0)
  })
}
