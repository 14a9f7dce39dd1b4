import t from 'tap'
import { oneSegmentBytes } from '../../../src/upstream/http1-calls.ts'

t.test('a segment of the network fits the smallest packet of IPv6, headers and options included', async t => {
  for (const address of ['10.1.2.3', '192.168.0.1', 'fd00::1', '2001:db8::1']) t.ok(oneSegmentBytes(address) <= 1_280 - 40 - 20 - 12, address)
})

t.test('what goes by the loopback interface is cut less', async t => {
  for (const address of ['127.0.0.1', '127.3.2.1', '::1']) t.equal(oneSegmentBytes(address), 16_384, address)
})
