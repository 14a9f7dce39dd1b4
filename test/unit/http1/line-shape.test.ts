import t from 'tap'
import { fitsLineShape } from '../../../src/http1/field-lines.ts'

const SHAPE = 'HTTP/1.# ###'
const fits = (text: string): boolean => fitsLineShape(Buffer.from(`..${text}`, 'latin1'), 2, 2 + text.length, SHAPE)

t.test('every beginning of what a shape stands for fits, and so does what lies behind it', async t => {
  const line = 'HTTP/1.9 204 No Content'
  for (let length = 0; length <= line.length; length++) t.equal(fits(line.slice(0, length)), true, line.slice(0, length))
})

t.test('one wrong byte anywhere does not fit', async t => {
  const line = 'HTTP/1.1 200'
  for (let index = 0; index < line.length; index++) {
    for (const wrong of ['\r', '\n', ' ', 'x', '/', ':', '#', '\xff'].filter(byte => byte !== line[index])) {
      t.equal(fits(line.slice(0, index) + wrong), false, JSON.stringify(line.slice(0, index) + wrong))
    }
  }
})

t.test('only the bytes of the line are looked at', async t => {
  t.equal(fitsLineShape(Buffer.from('xxHTTPyy'), 2, 6, SHAPE), true)
  t.equal(fitsLineShape(Buffer.from('xxHTTPyy'), 2, 7, SHAPE), false)
})
