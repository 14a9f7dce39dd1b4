/** The same again on 'data' events and socket.write(). */
import { useEvents } from '../../helpers/test-io.ts'
import { proxyProtocolScenarios } from './proxy-protocol-scenarios.ts'

useEvents()
proxyProtocolScenarios()
