import { endianness } from 'node:os'
import net from 'node:net'
import t from 'tap'
import { endedConnections, endsOf, socketKey } from '../../../src/net/socket-ends.ts'

t.test('connections are called as the kernel prints them', { skip: endianness() === 'LE' ? false : 'numbers of another order' }, async t => {
  t.equal(socketKey({ localPort: 8080, remoteAddress: '127.0.0.1', remotePort: 255 }), '1F90 0100007F 00FF')
  t.equal(socketKey({ localPort: 8080, remoteAddress: '::ffff:127.0.0.1', remotePort: 255 }), '1F90 0100007F 00FF')
  t.equal(socketKey({ localPort: 1, remoteAddress: '2001:db8::1:2', remotePort: 2 }), '0001 B80D0120000000000000000002000100 0002')
  t.equal(socketKey({ localPort: 1, remoteAddress: 'fe80::1%eth0', remotePort: 2 }), '0001 000080FE000000000000000001000000 0002')
  t.equal(socketKey({ localPort: 1, remoteAddress: 'nonsense', remotePort: 2 }), undefined)
})

for (const address of ['127.0.0.1', '::1']) {
  t.test(`a FIN that nobody has read is seen from ${address}`, { skip: process.platform === 'linux' ? false : 'only Linux has the table' }, async t => {
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true })
    await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(0, address, resolve) })
    const accepted = new Promise<net.Socket>(resolve => { server.once('connection', resolve) })
    const bound = server.address()
    const client = net.connect({ host: address, port: typeof bound === 'object' && bound !== null ? bound.port : 0 })
    const socket = await accepted
    const ends = endsOf(socket)
    const key = ends === undefined ? '' : socketKey(ends) ?? ''
    t.notOk((await endedConnections()).has(key))
    client.end('bytes that wait')
    for (let looks = 0; looks < 1_000 && !(await endedConnections()).has(key); looks++) await new Promise(resolve => { setImmediate(resolve) })
    t.ok((await endedConnections()).has(key))
    client.destroy()
    socket.destroy()
    server.close()
  })
}
