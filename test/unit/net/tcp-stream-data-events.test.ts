/** The same again on 'data' events and socket.write(). */
import { useEvents } from '../../helpers/test-io.ts'
import { tcpStreamScenarios } from './tcp-stream-scenarios.ts'

useEvents()
tcpStreamScenarios()
