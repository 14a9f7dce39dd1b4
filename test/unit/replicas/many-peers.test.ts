/**
 * A hundred replicas that take every connection and answer nothing: what a look at all of them costs.
 */
import { writeFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import t from 'tap'
import type { Endpoint } from '../../../src/core/endpoint.ts'
import { ClusterFacts } from '../../../src/replicas/cluster-facts.ts'
import { PeerClient } from '../../../src/replicas/peer-client.ts'
import { ReplicaBook } from '../../../src/replicas/replica-book.ts'
import { ReplicaSecret } from '../../../src/replicas/replica-secret.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { until } from '../../helpers/until.ts'

const PEERS = 100
/** To one address, for looks. */
const MAX_SOCKETS = 2

t.test('a hundred that hang keep an answer for 300 ms, and have two connections each at most, however many ask', async t => {
  const open = new Map<Endpoint, Set<net.Socket>>()
  let most = 0
  let heard = 0
  for (let index = 0; index < PEERS; index++) {
    const sockets = new Set<net.Socket>()
    const server = net.createServer(socket => {
      sockets.add(socket)
      most = Math.max(most, sockets.size)
      socket.on('error', () => {}).once('data', () => { heard++ }).once('close', () => { sockets.delete(socket) })
    })
    await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
    t.teardown(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => { server.close(resolve) })
    })
    const { port } = server.address() as net.AddressInfo // listens on TCP
    open.set({ address: '127.0.0.1', port, ready: true, serving: true, terminating: false }, sockets)
  }
  const clock = new FakeClock()
  const file = path.join(await temporaryDirectory(t), 'secret')
  await writeFile(file, 'a-secret-of-the-replicas-for-tests-only')
  const client = new PeerClient({ secret: new ReplicaSecret(file, clock, new ListLog()), clock })
  t.teardown(async () => { await client.close() })
  const own = { id: 'own', name: 'weir-0', version: '0.1.0', startedAt: '', ready: true, workers: 1 }
  const route = { epoch: 1, workers: 1, all: 1, versions: new Map() }
  const facts = new ClusterFacts({
    own: { id: 'own', route: () => route },
    book: new ReplicaBook(clock, { facts: () => own, routes: () => new Map() }),
    members: { all: () => [...open.keys()], doubt: () => undefined },
    client
  })
  for (let round = 1; round <= 3; round++) {
    const before = heard
    const answers = Array.from({ length: 50 }, async () => await facts.route('hello'))
    let answered = 0
    for (const answer of answers) void answer.then(() => { answered++ })
    await until(() => heard >= before + PEERS)
    clock.advance(299)
    await new Promise(resolve => { setImmediate(resolve) })
    t.equal(answered, 0)
    clock.advance(1)
    // SharedAnswer gives those that came meanwhile one more look.
    await until(() => answered > 0)
    while (answered < answers.length) {
      clock.advance(300)
      await new Promise(resolve => { setImmediate(resolve) })
    }
    for (const answer of await Promise.all(answers)) t.match(answer?.replicas, { answered: 1, of: PEERS + 1 })
  }
  t.ok(most <= MAX_SOCKETS, `${most} at most to one of them`)
  await client.close()
  await until(() => [...open.values()].every(({ size }) => size === 0))
})
