import t from 'tap'
import { supportsDirectHandles } from '../../../src/core/tcp-stream.ts'
import { tcpStreamScenarios } from './tcp-stream-scenarios.ts'

t.test('direct handles are used on versions that were checked only', async t => {
  t.same(['26.10.0', '26.11.3', '26.9.9', '24.12.0', '27.0.0', 'nonsense'].map(supportsDirectHandles), [true, true, false, false, false, false])
})

tcpStreamScenarios()
