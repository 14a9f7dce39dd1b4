import t from 'tap'
import { countBlanks, MessageCutter } from '../../../src/admin/paced-connection.ts'

/** Cuts bytes that arrive in pieces of a length; `on` is told of each part and may begin a body. */
function cut (text: string, length: number, on: (part: string, cutter: MessageCutter) => void = () => {}): readonly string[] {
  const cutter = new MessageCutter()
  const parts: string[] = []
  for (let at = 0; at < text.length; at += length) {
    let piece = Buffer.from(text.slice(at, at + length))
    while (piece.length > 0) {
      const taken = cutter.take(piece)
      if (taken === 0) {
        cutter.reset()
        continue
      }
      const part = piece.subarray(0, taken).toString()
      parts.push(part)
      on(part, cutter)
      piece = piece.subarray(taken)
    }
  }
  return parts
}

const ONE = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

t.test('each head is handed over by itself, wherever the pieces end', async t => {
  t.same(cut(ONE.repeat(3), 1_000), [ONE, ONE, ONE])
  for (const length of [1, 2, 3, 4, 5, 7, 26, 28]) {
    const parts = cut(ONE.repeat(3), length)
    t.equal(parts.join(''), ONE.repeat(3))
    t.ok(parts.every(part => !/\r\n\r\n./s.test(part)), `${length} at a time: no part goes on behind an empty line`)
  }
})

t.test('a body of known length is handed over to its end, whatever is in it', async t => {
  const head = 'PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n'
  const parts = cut(`${head}\r\n\r\n\r\nabc${ONE}`, 1_000, (part, cutter) => { if (part === head) cutter.beginBody(9) })
  t.same(parts, [head, '\r\n\r\n\r\nabc', ONE])
})

t.test('a body in chunks ends with an empty line too', async t => {
  const head = 'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
  const parts = cut(`${head}3\r\nabc\r\n0\r\n\r\n${ONE}`, 1_000, (part, cutter) => { if (part === head) cutter.beginBody(undefined) })
  t.same(parts, [head, '3\r\nabc\r\n0\r\n\r\n', ONE])
})

t.test('line feeds before a request are counted', async t => {
  t.equal(countBlanks(Buffer.from('\r\n\nGET')), 3)
  t.equal(countBlanks(Buffer.from('\r\n')), 2)
  t.equal(countBlanks(Buffer.from('GET')), 0)
})
