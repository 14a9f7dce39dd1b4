/** The core scenarios again on 'data' events and socket.write(), as where the trial at a worker's start has failed. */
import { useEvents } from '../../helpers/test-io.ts'
import { coreScenarios } from './core-scenarios.ts'

useEvents()
coreScenarios()
