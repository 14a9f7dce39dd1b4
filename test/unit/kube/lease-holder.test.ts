import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { HolderStanding } from '../../../src/core/leadership.ts'
import { KubeError } from '../../../src/kube/kube-api.ts'
import { LeaseHolder } from '../../../src/kube/lease-holder.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { MemoryCluster, MemoryKubeApi } from '../../helpers/memory-kube-api.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'

const NAME = 'weir-state'
const HOUR_MS = 3_600_000
const GONE = new KubeError('network', 'connect ECONNREFUSED')

/** A clock that can stand still while that of others goes on, as for a process that is stopped. */
class SleepyClock extends FakeClock {
  asleep = false
  #missedMs = 0
  #floorMs = 0

  override nowMs (): number {
    return Math.max(this.#floorMs, super.nowMs())
  }

  override advance (ms: number): void {
    if (this.asleep) this.#missedMs += ms
    else super.advance(ms)
  }

  /** The time has jumped; what was due meanwhile runs now. */
  wake (): void {
    this.#floorMs = super.nowMs() + this.#missedMs
    this.asleep = false
  }

  runMissed (): void {
    const missedMs = this.#missedMs
    this.#missedMs = 0
    super.advance(missedMs)
  }
}

interface Replica {
  readonly name: string
  readonly holder: LeaseHolder
  readonly api: MemoryKubeApi
  readonly clock: SleepyClock
  readonly log: RecordingLogger
  readonly told: HolderStanding[]
  readonly changes: string[]
}

/** Replicas whose clocks run together and show different times. */
class Bench {
  readonly cluster = new MemoryCluster()
  readonly replicas: Replica[] = []

  add (identity: string, skewMs = 0): Replica {
    const api = new MemoryKubeApi(this.cluster)
    const clock = new SleepyClock(Date.UTC(2026, 0, 1) + skewMs)
    clock.advance(Math.abs(skewMs))
    const log = new RecordingLogger()
    const changes: string[] = []
    const holder = new LeaseHolder({
      api, name: NAME, namespace: 'weir', identity, clock, random: () => 0.5, log, onChange: change => { changes.push(change) }
    })
    const told: HolderStanding[] = []
    holder.watch(standing => { told.push(standing) })
    const replica = { name: identity, holder, api, clock, log, told, changes }
    this.replicas.push(replica)
    return replica
  }

  async pass (ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      for (const { clock } of this.replicas) clock.advance(100)
      await settled()
    }
  }

  get record () { return this.cluster.leases.get('weir', NAME) }
  get spec () { return this.record?.spec ?? {} }
  get holding (): readonly string[] { return this.replicas.filter(({ holder }) => holder.isHolder).map(({ name }) => name) }

  edit (change: Readonly<Record<string, unknown>>): void {
    this.cluster.leases.editSpec('weir', NAME, spec => ({ ...spec, ...change }))
  }
}

/** SIGSTOP: it runs no timer and hears nothing. */
function stop ({ clock, api }: Replica): void {
  clock.asleep = true
  api.deaf = true
}

async function settled (): Promise<void> {
  for (let turns = 0; turns < 12; turns++) await turn()
}

async function benchOf (t: Test, ...names: readonly string[]) {
  const bench = new Bench()
  for (const name of names) bench.add(name, names.indexOf(name) * HOUR_MS)
  for (const { holder } of bench.replicas) holder.start()
  t.teardown(async () => { for (const { holder } of bench.replicas) await holder.close() })
  await bench.pass(500)
  const [one = bench.add('never'), two = one, three = two] = bench.replicas
  return { bench, one, two, three }
}

function messages ({ log }: Replica): readonly string[] {
  return log.lines.map(({ level, message }) => `${level} ${message}`)
}

const GAINED = 'info this replica holds the lease: it does what is done once for all replicas'
const LOST = 'info this replica holds the lease no more'
const OTHER = 'info another replica holds the lease'

t.test('one of them takes it at once and renews it; the others say who it is; whatever their clocks show', async t => {
  const { bench, one, two } = await benchOf(t, 'one', 'two', 'three')
  t.same(bench.holding, ['one'])
  t.match(bench.spec, { holderIdentity: 'one', leaseDurationSeconds: 15, acquireTime: /^2026-01-01T00:00:00\.\d{6}Z$/, leaseTransitions: 0 })
  t.match(bench.record, { metadata: { labels: { 'app.kubernetes.io/managed-by': 'weir' } } })
  const before = bench.record?.metadata.resourceVersion
  await bench.pass(60_000)
  t.same(bench.holding, ['one'])
  t.not(bench.record?.metadata.resourceVersion, before)
  t.match(two.holder.status(), { name: NAME, holder: 'one', isHolder: false, since: /^2026-01-01T00:00:00\.\d{3}Z$/, transitions: 0, detail: '' })
  t.match(one.holder.status(), { holder: 'one', isHolder: true })
  t.same([one.told, one.changes, two.told, two.changes], [['vacant', 'holder'], ['gained'], ['vacant', 'follower'], []])
  t.same([messages(one), messages(two)], [[GAINED], [OTHER]], 'each change is said once')
  const writes = bench.replicas.map(({ api }) => api.requests.filter(request => request === 'replace').length)
  t.ok((writes[0] ?? 0) >= 11 && (writes[0] ?? 0) <= 14, `${writes[0]} renewals in a minute`)
  t.same(writes.slice(1), [0, 0])
  t.ok(two.api.requests.length <= 6, `one that waits has asked ${two.api.requests.join(' ')}`)
})

t.test('one that dies is followed within 15 seconds, and not before the time it might think that it holds it', async t => {
  const { bench, one, two, three } = await benchOf(t, 'one', 'two', 'three')
  await bench.pass(20_000)
  stop(one)
  await bench.pass(8_000)
  t.notOk(two.holder.isHolder || three.holder.isHolder)
  await bench.pass(7_000)
  t.equal([two, three].filter(({ holder }) => holder.isHolder).length, 1)
  t.match(bench.spec, { leaseTransitions: 1 })
  await bench.pass(10_000)
  t.equal(bench.holding.length, 2, 'it does not know, and does not run')
  one.clock.wake()
  t.notOk(one.holder.isHolder, 'it wakes and knows at once')
})

t.test('one that has slept holds nothing before it has done anything, and asks before it writes', async t => {
  const { bench, one, two } = await benchOf(t, 'one', 'two')
  stop(one)
  await bench.pass(30_000)
  t.ok(two.holder.isHolder)
  const asked = one.api.requests.length
  one.clock.wake()
  // Not even a timer has run when somebody asks.
  t.notOk(one.holder.isHolder)
  t.equal(one.holder.standing, 'vacant')
  const held: boolean[] = []
  one.holder.watch(() => { held.push(one.holder.isHolder) })
  one.clock.runMissed()
  await bench.pass(1_000)
  t.same(one.api.requests.slice(asked), ['replace', 'get'], 'what it writes is refused, for it is made from what it knew')
  t.same(bench.holding, ['two'])
  t.equal(one.holder.standing, 'follower')
  one.api.hear()
  await bench.pass(20_000)
  t.same(bench.holding, ['two'])
  t.same([held, one.changes.join()], [[false, false], 'gained,lost'])
})

t.test('what is given up is taken at once, and never again by who gave it up', async t => {
  const { bench, one, two } = await benchOf(t, 'one', 'two')
  await bench.pass(10_000)
  await one.holder.release()
  t.match(bench.spec, { holderIdentity: '', leaseDurationSeconds: 1 })
  t.notOk(one.holder.isHolder)
  await bench.pass(300)
  t.ok(two.holder.isHolder)
  t.match(bench.spec, { holderIdentity: 'two', leaseDurationSeconds: 15, leaseTransitions: 1 })
  await two.holder.release()
  await bench.pass(60_000)
  t.equal(bench.holding.length, 0)
  t.match(one.log.lines.find(({ message }) => `info ${message}` === LOST)?.fields, { why: 'weir is shutting down' })
  const after = bench.add('three')
  after.holder.start()
  await bench.pass(300)
  t.ok(after.holder.isHolder, 'one that starts later does not wait either')
  await after.holder.close()
})

t.test('a holder that can\'t renew it stops after 10 seconds, says why once, and takes it again as soon as it can', async t => {
  const { bench, one } = await benchOf(t, 'one')
  await bench.pass(10_000)
  one.api.fault = { error: GONE, made: false }
  const tries = one.api.requests.length
  await bench.pass(4_000)
  t.ok(one.holder.isHolder)
  t.match(one.holder.status(), { isHolder: true, detail: '' }, 'nothing had to be asked yet')
  await bench.pass(6_500)
  t.notOk(one.holder.isHolder)
  t.match(one.holder.status(), { holder: null, isHolder: false, since: null, detail: /ECONNREFUSED/ })
  t.ok(one.api.requests.length - tries >= 4, 'it has tried several times')
  await bench.pass(120_000)
  t.ok(one.api.requests.length - tries < 40, `${one.api.requests.length - tries} requests in two minutes`)
  one.api.fault = undefined
  await bench.pass(12_000)
  t.ok(one.holder.isHolder)
  t.same(messages(one), [GAINED, 'warn the lease can\'t be read or written', LOST, GAINED, 'info the lease can be read and written again'])
  t.match(one.log.lines.find(({ message }) => `info ${message}` === LOST)?.fields, { why: /could not be renewed in time: connect ECONNREFUSED/ })
  t.match(bench.spec, { leaseTransitions: 0 }, 'it has not changed hands')
})

t.test('a renewal whose answer is lost counts for nothing, and is no conflict for long', async t => {
  const { bench, one } = await benchOf(t, 'one')
  one.api.fault = { error: new KubeError('timeout', 'no answer'), made: true }
  await bench.pass(11_000)
  t.notOk(one.holder.isHolder, 'though the Lease says so')
  t.match(bench.spec, { holderIdentity: 'one' })
  one.api.fault = undefined
  await bench.pass(2_000)
  t.ok(one.holder.isHolder)
})

t.test('an acquisition whose answer is lost is found out', async t => {
  const { bench, one, two } = await benchOf(t, 'one', 'two')
  two.api.fault = { error: new KubeError('timeout', 'no answer'), made: true }
  await one.holder.release()
  await bench.pass(500)
  t.match(bench.spec, { holderIdentity: 'two' })
  t.notOk(two.holder.isHolder)
  two.api.fault = undefined
  await bench.pass(2_000)
  t.ok(two.holder.isHolder)
})

t.test('a Lease that is edited by hand: who held it stops, and nobody takes it before that is certain', async t => {
  const { bench, one, two } = await benchOf(t, 'one', 'two')
  one.api.deaf = true
  const other = (): string => bench.holding.includes('one') ? 'two' : 'one'
  const edits: ReadonlyArray<() => Readonly<Record<string, unknown>>> = [
    () => ({ holderIdentity: '' }), () => ({ holderIdentity: other() }), () => ({ holderIdentity: 'somebody' }), () => ({ holderIdentity: null, leaseDurationSeconds: null, acquireTime: null, renewTime: null, leaseTransitions: null })
  ]
  for (const edit of edits) {
    bench.edit(edit())
    await bench.pass(7_000)
    t.equal(bench.holding.length, 0, edit.toString())
    await bench.pass(9_000)
    t.equal(bench.holding.length, 1)
    await bench.pass(2_000)
  }
  one.api.hear()
  await bench.pass(1_000)
  const holder = bench.replicas.find(({ name }) => bench.holding.includes(name))
  bench.edit({ leaseDurationSeconds: 2_000_000, renewTime: '1999-01-01T00:00:00.000000Z', leaseTransitions: 2 ** 31 - 1 })
  await bench.pass(6_000)
  t.same(bench.holding, [holder?.name], 'what is still its own it keeps')
  t.match(bench.spec, { leaseDurationSeconds: 15 })
  await holder?.holder.release()
  await bench.pass(1_000)
  t.equal(bench.holding.length, 1, 'a number that can\'t grow stays')
  t.match(bench.spec, { leaseTransitions: 2 ** 31 - 1 })
  t.notOk(two.log.lines.some(({ level }) => level === 'error'))
})

t.test('a Lease that is deleted: its holder makes it again, or another one gets it when that is dead', async t => {
  const { bench, one, two } = await benchOf(t, 'one', 'two')
  await bench.pass(3_000)
  bench.cluster.leases.delete('weir', NAME)
  await bench.pass(500)
  t.match(bench.spec, { holderIdentity: 'one' })
  t.same(bench.holding, ['one'])
  stop(one)
  bench.cluster.leases.delete('weir', NAME)
  await bench.pass(5_000)
  t.equal(bench.record, undefined)
  await bench.pass(4_000)
  t.match(bench.spec, { holderIdentity: '' }, 'it is nobody\'s at first')
  t.notOk(two.holder.isHolder)
  await bench.pass(15_000)
  t.ok(two.holder.isHolder)
})

t.test('without permission nobody holds it, all say why, and nothing is asked all the time', async t => {
  const { bench, one } = await benchOf(t)
  one.api.fault = { error: new KubeError('status', 'leases is forbidden', { status: 403 }), made: false }
  one.holder.start()
  await bench.pass(120_000)
  t.match(one.holder.status(), { holder: null, isHolder: false, detail: /forbidden/ })
  t.equal(one.holder.standing, 'vacant')
  t.same(messages(one), ['warn the lease can\'t be read or written'])
  t.ok(one.api.requests.length < 60, `${one.api.requests.length} requests in two minutes`)
  await one.holder.close()
})

t.test('who may read and write it but not watch it takes part all the same', async t => {
  const { bench, one, two } = await benchOf(t, 'one', 'two')
  const refused = new KubeError('status', 'watch is forbidden', { status: 403 })
  two.api.watch = async function * () { throw refused }
  two.api.list = async () => { throw refused }
  const replaced = bench.add('three')
  replaced.api.watch = two.api.watch
  replaced.api.list = two.api.list
  replaced.holder.start()
  await bench.pass(20_000)
  t.match(replaced.holder.status(), { holder: 'one', detail: /watch is forbidden/ })
  t.ok(replaced.api.requests.filter(request => request === 'get').length < 15, 'it looks every few seconds')
  await two.holder.close()
  await one.holder.release()
  await bench.pass(3_000)
  t.ok(replaced.holder.isHolder)
  await replaced.holder.close()
})

t.test('answers that are no Lease are a fault like others', async t => {
  const { bench, one } = await benchOf(t)
  for (const answer of [null, 'text', [], {}, { metadata: { resourceVersion: 7 } }, { spec: { holderIdentity: 'x' } }]) {
    one.api.get = async () => answer
    one.holder.start()
    await bench.pass(3_000)
    t.match(one.holder.status(), { isHolder: false, holder: null, detail: /without a resourceVersion/ })
  }
  await one.holder.close()
})

t.test('an etcd that was restored from a backup is believed', async t => {
  const { bench, one } = await benchOf(t, 'one')
  await bench.pass(20_000)
  const old = { metadata: { ...bench.record?.metadata, resourceVersion: '50' }, spec: { ...bench.spec, renewTime: '2020-01-01T00:00:00.000000Z' } }
  const replace = one.api.replace.bind(one.api)
  const versions: unknown[] = []
  one.api.get = async () => old
  one.api.replace = async (_name, body) => {
    const { resourceVersion } = (body as typeof old).metadata
    versions.push(resourceVersion)
    if (resourceVersion !== '50') throw new KubeError('status', 'conflict', { status: 409 })
    return { ...old, metadata: { ...old.metadata, resourceVersion: '51' } }
  }
  await bench.pass(6_000)
  t.equal(versions.at(-1), '50')
  t.ok(one.holder.isHolder)
  one.api.replace = replace
})

t.test('a listener that throws harms nobody', async t => {
  const { bench, one, two } = await benchOf(t)
  void two
  one.holder.watch(() => { throw new Error('its own fault') })
  const heard: string[] = []
  const stop = one.holder.watch(standing => { heard.push(standing) })
  one.holder.start()
  await bench.pass(300)
  stop()
  t.same(heard, ['vacant', 'holder'])
  t.ok(one.log.lines.some(({ level, message }) => level === 'error' && message === 'a listener to the lease failed'))
  await one.holder.close()
})
