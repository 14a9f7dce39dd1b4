/** The core scenarios again on 'data' events and socket.write(), as on a Node version that TcpStream does not know. */
import t from 'tap'

Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '99.0.0' } })
// Imported only now: TcpStream looks at the version when it is loaded.
const { supportsDirectHandles } = await import('../../../src/core/tcp-stream.ts')
const { coreScenarios } = await import('./core-scenarios.ts')

t.notOk(supportsDirectHandles(process.versions.node), 'these run on data events')
coreScenarios()
