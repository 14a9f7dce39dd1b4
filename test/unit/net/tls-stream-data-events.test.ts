/** The same again on 'data' events and socket.write(). */
import { useEvents } from '../../helpers/test-io.ts'

useEvents()
await import('./tls-stream.test.ts')
