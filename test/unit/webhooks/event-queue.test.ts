import t from 'tap'
import { EventQueue, type QueuedEvent } from '../../../src/webhooks/event-queue.ts'

const event = (id: string, text = 'x'): QueuedEvent => ({ id, type: 'weights', text, atMs: 0 })

function allOf (queue: EventQueue): readonly string[] {
  const ids: string[] = []
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) ids.push(next.id)
  return ids
}

t.test('events keep their order, and the oldest go when there are too many', async t => {
  const queue = new EventQueue({ events: 3, bytes: 1_000 })
  t.same(['a', 'b', 'c', 'd', 'e'].map(id => queue.push(event(id))), [0, 0, 0, 1, 1])
  t.equal(queue.size, 3)
  t.same(allOf(queue), ['c', 'd', 'e'])
  t.equal(queue.size, 0)
})

t.test('bytes are counted as they are sent, and given back', async t => {
  const queue = new EventQueue({ events: 100, bytes: 10 })
  t.same([queue.push(event('a', 'ääää')), queue.push(event('b', 'xx')), queue.push(event('c', 'x'))], [0, 0, 1], 'eight bytes and two, and one more')
  t.equal(queue.shift()?.id, 'b')
  t.equal(queue.push(event('d', 'x'.repeat(9))), 0)
  t.equal(queue.push(event('e', 'x'.repeat(10))), 2)
  t.equal(queue.push(event('f', 'x'.repeat(11))), 2, 'one that is too large by itself goes too')
  t.equal(queue.size, 0)
  t.equal(queue.push(event('g', 'x'.repeat(10))), 0, 'nothing of it stays in the sum')
})
