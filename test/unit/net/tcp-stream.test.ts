import { tcpStreamScenarios } from './tcp-stream-scenarios.ts'

tcpStreamScenarios()
