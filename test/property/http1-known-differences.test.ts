import t from 'tap'
import { compare, explanation } from '../fuzz/agreement.ts'
import { LAXER, OTHERWISE, STRICTER } from '../fuzz/known-differences.ts'
import type { KnownDifference } from '../fuzz/known-differences.ts'
import { latin1 } from '../helpers/http1-message.ts'
import { readWithNode } from '../helpers/node-http-parser.ts'
import { readRequest, readResponse } from '../helpers/weir-http1-reader.ts'

const ROWS = [['stricter', STRICTER], ['laxer', LAXER], ['otherwise', OTHERWISE]] as const

function readings (row: KnownDifference) {
  const bytes = latin1(row.example)
  const response = row.example.startsWith('HTTP/')
  return { weir: response ? readResponse(bytes, false) : readRequest(bytes), node: readWithNode(bytes, { response }) }
}

for (const [kind, rows] of ROWS) {
  for (const row of rows) {
    t.test(`Weir is ${kind} than Node about ${row.name}`, async t => {
      const both = readings(row)
      t.equal(compare(both), kind)
      t.equal(explanation(both, row.example)?.name, row.name, 'and this row says why')
      t.not(row.in, row.example.startsWith('HTTP/') ? 'request' : 'response')
    })
  }
}

t.test('two different readings without a row are not explained', async t => {
  const text = 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n'
  const weir = readRequest(latin1(text))
  const node = readWithNode(latin1(text))
  t.equal(compare({ weir, node }), 'same')
  for (const changed of [
    { ...node, consumed: node.consumed - 1 },
    { ...node, body: 'x' },
    { ...node, verdict: 'refused', reason: 'HPE_STRICT' } as const,
    { ...node, head: node.head === undefined ? undefined : { ...node.head, fields: [['Host', 'a']] as const } },
    { ...node, head: undefined, verdict: 'refused', reason: 'HPE_INVALID_HEADER_TOKEN' } as const
  ]) {
    t.not(compare({ weir, node: changed }), 'same')
    t.equal(explanation({ weir, node: changed }, text), undefined)
  }
})
