import t from 'tap'
import { type KubeApi, KubeError } from '../../../src/kube/kube-api.ts'
import { ListWatch } from '../../../src/kube/list-watch.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

async function settled (): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
}

/** A list+watch whose lists and watches are refused as often as is said. */
function played (refused: { list: number, watch: number }) {
  const clock = new FakeClock()
  const told: string[] = []
  let breakWatch = (): void => {}
  const api: KubeApi = {
    list: async () => {
      if (refused.list-- > 0) throw new KubeError('status', '403', { status: 403 })
      return { resourceVersion: '1', continueToken: '', items: [] }
    },
    async * watch ({ opened, signal }) {
      if (refused.watch-- > 0) throw new KubeError('status', '403', { status: 403 })
      opened?.()
      await new Promise((_resolve, reject) => {
        breakWatch = () => { reject(new KubeError('network', 'reset')) }
        signal.addEventListener('abort', breakWatch, { once: true })
      })
      yield * []
    }
  }
  const listWatch = new ListWatch({
    api,
    clock,
    random: () => 0,
    read: () => true,
    collection: { groupVersion: 'g', plural: 'p', namespace: undefined, labelSelector: '' },
    listener: {
      replaced: () => {},
      changed: () => {},
      failed: error => { told.push(error.message) },
      recovered: ({ failures, afterMs }) => { told.push(`recovered after ${failures} failures and ${afterMs} ms`) }
    }
  })
  return { clock, told, listWatch, refused, breakWatch: () => { breakWatch() } }
}

t.test('a start without a failure is no recovery', async t => {
  const { listWatch, told } = played({ list: 0, watch: 0 })
  listWatch.start()
  await settled()
  t.strictSame(told, [])
  await listWatch.stop()
})

t.test('a recovery is told once, with the failures before it and how long they lasted', async t => {
  const { listWatch, told, clock, refused, breakWatch } = played({ list: 2, watch: 0 })
  listWatch.start()
  await settled()
  for (const pauseMs of [50, 100]) {
    clock.advance(pauseMs)
    await settled()
  }
  t.strictSame(told, ['403', '403', 'recovered after 2 failures and 150 ms'])
  refused.list = 0
  clock.advance(6_000)
  breakWatch()
  await settled()
  clock.advance(50)
  await settled()
  t.strictSame(told.slice(3), ['reset', 'recovered after 1 failures and 50 ms'])
  await listWatch.stop()
})

t.test('who may list but not watch has not recovered', async t => {
  const { listWatch, told, clock } = played({ list: 1, watch: 1 })
  listWatch.start()
  await settled()
  clock.advance(50)
  await settled()
  t.strictSame(told, ['403', '403'])
  clock.advance(200)
  await settled()
  t.match(told.at(-1), /^recovered after 2 failures/)
  await listWatch.stop()
})

t.test('while no watch is open it says since when and why, also when lists are read meanwhile', async t => {
  const { listWatch, clock, refused, breakWatch } = played({ list: 0, watch: 0 })
  t.equal(listWatch.stats().unwatched, undefined, 'nothing is known yet')
  listWatch.start()
  await settled()
  t.equal(listWatch.stats().unwatched, undefined)
  refused.watch = 2
  const sinceWallMs = clock.wallMs()
  breakWatch()
  await settled()
  t.strictSame(listWatch.stats().unwatched, { forMs: 0, sinceWallMs, error: 'reset' })
  clock.advance(50)
  await settled()
  t.equal(listWatch.stats().lists, 2)
  t.strictSame(listWatch.stats().unwatched, { forMs: 50, sinceWallMs, error: '403' })
  for (const pauseMs of [100, 200]) {
    clock.advance(pauseMs)
    await settled()
  }
  t.equal(listWatch.stats().unwatched, undefined)
  await listWatch.stop()
})
