import { proxyProtocolScenarios } from './proxy-protocol-scenarios.ts'

proxyProtocolScenarios()
