import t from 'tap'
import { ResponseHead } from '../../../src/http1/response-head.ts'
import { interimResponse } from '../../../src/http1/response-writer.ts'

function interim (text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  const head = new ResponseHead({ maxHeadBytes: 1000, maxHeaderFields: 10 })
  if (head.parse(bytes, 0, bytes.length) !== 1) throw new Error('not a response')
  return interimResponse(head).toString('latin1')
}

t.test('an interim response goes on with its fields, in our version', async t => {
  t.equal(interim('HTTP/1.0 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n'), 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n')
  t.equal(interim('HTTP/1.1 100 Continue\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n')
})

t.test('hop-by-hop fields and lengths stay behind', async t => {
  t.equal(interim('HTTP/1.1 103 Early Hints\r\nConnection: x\r\nX: 1\r\nLink: </a>\r\nContent-Length: 5\r\nKeep-Alive: 1\r\n\r\n'), 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
  t.equal(interim('HTTP/1.1 102 Processing\r\nTransfer-Encoding: chunked\r\n\r\n'), 'HTTP/1.1 102 Processing\r\n\r\n')
})

t.test('a status line without a reason gets the space that has to be there', async t => {
  t.equal(interim('HTTP/1.1 100\r\n\r\n'), 'HTTP/1.1 100 \r\n\r\n')
})
