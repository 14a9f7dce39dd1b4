/** The same again on 'data' events and socket.write(). */
import t from 'tap'

Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '99.0.0' } })
// Imported only now: TcpStream and TlsStream look at the version when they are loaded.
const { supportsDirectHandles } = await import('../../../src/core/tcp-stream.ts')

t.notOk(supportsDirectHandles(process.versions.node))
await import('./tls-stream.test.ts')
