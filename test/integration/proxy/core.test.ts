import { coreScenarios } from './core-scenarios.ts'

coreScenarios()
