import t from 'tap'
import { supportsDirectHandles } from '../../../src/core/tcp-stream.ts'
import { coreScenarios } from './core-scenarios.ts'

t.ok(supportsDirectHandles(process.versions.node), 'these run on direct handles')
coreScenarios()
