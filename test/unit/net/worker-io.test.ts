import t from 'tap'
import { CHECKED_NODE_VERSIONS, isChecked, WorkerIo } from '../../../src/net/worker-io.ts'
import type { IoChoice } from '../../../src/contract/data-plane-options.ts'

interface World {
  readonly choice?: IoChoice
  readonly nodeVersion?: string
  /** What the trials find. */
  readonly tcp?: string
  readonly tls?: string
}

/** A worker's decision, with what was tried and told. */
async function decide ({ choice = 'auto', nodeVersion = '26.12.1', tcp, tls }: World) {
  const tried: string[] = []
  const told: unknown[] = []
  const io = await WorkerIo.decide({
    choice,
    nodeVersion,
    tryTcp: async () => { tried.push('TCP'); return tcp },
    tryTls: async () => { tried.push('TLS'); return tls },
    decided: (...decision) => { told.push(decision) }
  })
  return { io, tried, told }
}

t.test('what passes its trial is used directly; TLS is tried when it is needed, once', async t => {
  const { io, tried, told } = await decide({})
  t.same([io.tcp, io.tls, tried], ['direct', 'events', ['TCP']])
  await Promise.all([io.decideTls(), io.decideTls()])
  t.same([io.tcp, io.tls, tried], ['direct', 'direct', ['TCP', 'TLS']])
  t.same(told, [['TCP', 'direct', ''], ['TLS', 'direct', '']])
})

t.test('what fails its trial is left out, with the reason, and the other part goes on', async t => {
  const plain = await decide({ tcp: 'a write is lost' })
  await plain.io.decideTls()
  t.same([plain.io.tcp, plain.io.tls], ['events', 'direct'])
  t.same(plain.told[0], ['TCP', 'events', 'a write is lost'])
  const secure = await decide({ tls: 'an end is lost' })
  await secure.io.decideTls()
  t.same([secure.io.tcp, secure.io.tls], ['direct', 'events'])
  t.same(secure.told[1], ['TLS', 'events', 'an end is lost'])
})

t.test('releases of another line, older ones, and those who want events are not even tried', async t => {
  for (const world of [{ nodeVersion: '27.0.0' }, { nodeVersion: '24.12.0' }, { nodeVersion: '26.9.9' }, { nodeVersion: 'nonsense' }, { choice: 'events' }] as const) {
    const { io, tried, told } = await decide(world)
    await io.decideTls()
    t.same([io.tcp, io.tls, tried], ['events', 'events', []], JSON.stringify(world))
    t.match(told, [['TCP', 'events', /./], ['TLS', 'events', /./]])
  }
})

t.test('the Node that npm brings is among those that were checked; a later one of its line is tried, and known as unchecked', async t => {
  t.ok(isChecked(process.versions.node), `${process.versions.node} is none of ${CHECKED_NODE_VERSIONS.join(', ')}: run the whole suite on it, then name it`)
  t.equal(isChecked('26.99.0'), false)
  t.same((await decide({ nodeVersion: '26.99.0' })).tried, ['TCP'])
})
