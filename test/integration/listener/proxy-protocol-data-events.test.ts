/** The same again on 'data' events and socket.write(). */
import t from 'tap'

Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '99.0.0' } })
// Imported only now: TcpStream looks at the version when it is loaded.
const { supportsDirectHandles } = await import('../../../src/core/tcp-stream.ts')
const { proxyProtocolScenarios } = await import('./proxy-protocol-scenarios.ts')

t.notOk(supportsDirectHandles(process.versions.node))
proxyProtocolScenarios()
