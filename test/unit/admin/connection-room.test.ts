import t from 'tap'
import { ConnectionRoom, type Guest } from '../../../src/admin/connection-room.ts'

class TestGuest implements Guest {
  readonly peer: string
  state: Guest['state']
  destroyed = false

  constructor (peer: string, state: Guest['state'] = 'idle') {
    this.peer = peer
    this.state = state
  }

  destroy (): void { this.destroyed = true }
}

function fill (room: ConnectionRoom, guests: readonly TestGuest[]): void {
  for (const guest of guests) if (!room.admit(guest)) throw new Error(`no place for ${guest.peer}`)
}

t.test('a newcomer takes the place of the one of its own address that has been idle for longest', async t => {
  const room = new ConnectionRoom({ maxConnections: 10, maxConnectionsPerPeer: 2 })
  const guests = [new TestGuest('10.0.0.1'), new TestGuest('10.0.0.1'), new TestGuest('10.0.0.2')]
  fill(room, guests)
  if (guests[0] !== undefined) room.refresh(guests[0])
  t.equal(room.admit(new TestGuest('10.0.0.1')), true)
  t.same(guests.map(({ destroyed }) => destroyed), [false, true, false])
  t.equal(room.size, 3)
})

t.test('when all are busy there is no place, for this address', async t => {
  const room = new ConnectionRoom({ maxConnections: 10, maxConnectionsPerPeer: 2 })
  const guests = [new TestGuest('10.0.0.1', 'busy'), new TestGuest('10.0.0.1', 'busy')]
  fill(room, guests)
  t.equal(room.admit(new TestGuest('10.0.0.1')), false)
  t.equal(room.admit(new TestGuest('10.0.0.2')), true)
  t.ok(guests.every(({ destroyed }) => !destroyed))
})

t.test('when all places are taken, who has most of them gives one up', async t => {
  const room = new ConnectionRoom({ maxConnections: 4, maxConnectionsPerPeer: 4 })
  const guests = [new TestGuest('10.0.0.2'), new TestGuest('10.0.0.1'), new TestGuest('10.0.0.1'), new TestGuest('10.0.0.1')]
  fill(room, guests)
  t.equal(room.admit(new TestGuest('10.0.0.3')), true)
  t.same(guests.map(({ destroyed }) => destroyed), [false, true, false, false])
  t.equal(room.size, 4)
})

t.test('an answer that is not read keeps no place from others, unless a token was shown', async t => {
  const room = new ConnectionRoom({ maxConnections: 2, maxConnectionsPerPeer: 2 })
  const guests = [new TestGuest('10.0.0.1', 'busy'), new TestGuest('10.0.0.2', 'unproven')]
  fill(room, guests)
  t.equal(room.admit(new TestGuest('10.0.0.3', 'busy')), true)
  t.same(guests.map(({ destroyed }) => destroyed), [false, true])
  t.equal(room.admit(new TestGuest('10.0.0.3')), false)
})

t.test('one /64 is one address, and so are the two ways to write an IPv4 one', async t => {
  for (const [one, other] of [['fd00:1::1', 'fd00:1:0:0:ffff::2'], ['::ffff:10.0.0.1', '10.0.0.1'], ['fe80::1%eth0', 'fe80::2']] as const) {
    const room = new ConnectionRoom({ maxConnections: 10, maxConnectionsPerPeer: 1 })
    const first = new TestGuest(one)
    fill(room, [first])
    room.admit(new TestGuest(other))
    t.equal(first.destroyed, true, `${one} and ${other}`)
  }
  const room = new ConnectionRoom({ maxConnections: 10, maxConnectionsPerPeer: 1 })
  const first = new TestGuest('fd00:1::1')
  fill(room, [first])
  room.admit(new TestGuest('fd00:1:0:1::1'))
  t.equal(first.destroyed, false)
})

t.test('a place that is left is free, once', async t => {
  const room = new ConnectionRoom({ maxConnections: 1, maxConnectionsPerPeer: 1 })
  const guest = new TestGuest('10.0.0.1', 'busy')
  fill(room, [guest])
  room.leave(guest)
  room.leave(guest)
  t.equal(room.size, 0)
  t.equal(room.admit(new TestGuest('10.0.0.2')), true)
})
