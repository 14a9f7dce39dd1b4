/** The lab's controller, with pods that get ready and end when the test says so. */
import t from 'tap'
import { LabController, type LabEndpoint, type PodEvents, type PodPlan } from '../../../deploy/examples/hello/lab-controller.ts'
import { readLabManifest } from '../../../deploy/examples/hello/lab-manifests.ts'
import { nextRolloutStep, resolvePods, scaleStandingStill } from '../../../deploy/examples/hello/lab-rollout.ts'

const NEXT = { version: '2.0.0' }

/** A pod as the test sees it. */
class Pod {
  readonly plan: PodPlan
  readonly events: PodEvents
  told = false
  gone = false
  ready = false

  constructor (plan: PodPlan, events: PodEvents) {
    this.plan = plan
    this.events = events
  }

  getReady (ready = true): void {
    this.ready = ready
    this.events.ready(ready)
  }

  go (how = 'exit code 0'): void {
    this.gone = true
    this.events.ended(how)
  }
}

class Bench {
  readonly pods: Pod[] = []
  /** The names of the Pod objects. */
  readonly objects = new Set<string>()
  readonly slices = new Map<string, readonly LabEndpoint[]>()
  readonly controller = new LabController({
    namespace: 'lab',
    startPod: (plan, events) => {
      const pod = new Pod(plan, events)
      this.pods.push(pod)
      return { end: () => { pod.told = true } }
    },
    publishPod: ({ name }, state) => {
      if (state === 'there') this.objects.add(name)
      else this.objects.delete(name)
    },
    publish: ({ name }, endpoints) => {
      if (endpoints.some(({ targetRef }) => !this.objects.has(targetRef.name))) throw new Error('a slice names a pod that is not there')
      this.slices.set(name, endpoints)
    },
    addressOf: number => `127.1.0.${number}`
  })

  /** `hello` with so many pods that are ready. */
  constructor (replicas: number) {
    this.controller.apply(readLabManifest('hello.yaml'))
    this.controller.scale('hello', replicas)
    this.settle()
    this.controller.beginWatch('hello')
  }

  /** Those that were not told to end. */
  get alive (): readonly Pod[] { return this.pods.filter(({ told, gone }) => !told && !gone) }
  get status () { return this.controller.status('hello') }

  /** The next thing that a pod has to do, the first or the last of them; false when there is none. */
  move (pick: (moves: ReadonlyArray<() => void>) => (() => void) | undefined): boolean {
    const moves = this.pods.flatMap(pod => {
      if (pod.gone) return []
      if (pod.told) return [() => { pod.go() }]
      return pod.ready ? [] : [() => { pod.getReady() }]
    })
    const move = pick(moves)
    move?.()
    return move !== undefined
  }

  /** Everything that can happen happens, in some order. */
  settle (pick: (moves: ReadonlyArray<() => void>) => (() => void) | undefined = moves => moves[0]): void {
    for (let moves = 0; this.move(pick); moves++) if (moves > 500) throw new Error('it comes to no end')
  }
}

/** Orders in which pods may get ready and end: a fixed sequence of draws. */
function drawnBy (seed: number) {
  let state = seed
  return (moves: ReadonlyArray<() => void>) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff
    return moves[(state >> 8) % moves.length]
  }
}

t.test('a rolling update keeps 3 pods available and never has more than 4, in whatever order they get ready and end', async t => {
  for (let seed = 1; seed <= 50; seed++) {
    const bench = new Bench(3)
    bench.controller.relabel('hello', NEXT)
    bench.settle(drawnBy(seed))
    t.match(bench.status, { available: 3, pods: 3, ending: 0, versions: { '1.0.0': undefined, '2.0.0': 3 }, complete: true, fewest: 3, most: 4 })
  }
})

t.test('a new version that never gets ready stops the update at its first pod', async t => {
  const bench = new Bench(3)
  bench.controller.relabel('hello', NEXT)
  t.match(bench.status, { available: 3, pods: 4, versions: { '1.0.0': 3, '2.0.0': undefined }, complete: false })
  bench.controller.undo('hello')
  bench.settle()
  t.match(bench.status, { available: 3, pods: 3, versions: { '1.0.0': 3, '2.0.0': undefined }, complete: true, fewest: 3, most: 4 })
})

t.test('a pause stops it where it stands, and resume goes on from there', async t => {
  const bench = new Bench(3)
  bench.controller.relabel('hello', NEXT)
  bench.move(moves => moves[0])
  bench.controller.pause('hello')
  bench.settle()
  t.match(bench.status, { available: 4, pods: 4, versions: { '1.0.0': 2, '2.0.0': 2 }, complete: false })
  t.throws(() => { bench.controller.undo('hello') }, { message: /cannot rollback a paused deployment; resume it first/ })
  bench.controller.relabel('hello', { version: '3.0.0' })
  bench.settle()
  t.match(bench.status.versions, { '1.0.0': 2, '2.0.0': 2, '3.0.0': undefined }, 'what is changed meanwhile waits')
  bench.controller.resume('hello')
  bench.settle()
  t.match(bench.status, { versions: { '3.0.0': 3 }, complete: true, fewest: 3, most: 4 })
})

t.test('undo returns to the version before, as a new revision', async t => {
  const bench = new Bench(2)
  t.throws(() => { bench.controller.undo('hello') }, { message: /no rollout history/ })
  bench.controller.relabel('hello', NEXT)
  bench.settle()
  t.same(bench.controller.history('hello'), [{ revision: 1, version: '1.0.0' }, { revision: 2, version: '2.0.0' }])
  bench.controller.undo('hello')
  bench.settle()
  t.same(bench.controller.history('hello'), [{ revision: 2, version: '2.0.0' }, { revision: 3, version: '1.0.0' }])
  t.same(bench.status.versions, { '1.0.0': 2 })
  bench.controller.undo('hello')
  bench.settle()
  t.same(bench.status.versions, { '2.0.0': 2 }, 'a second one undoes the first')
})

t.test('scaling starts and ends pods: first those that are not ready, then the youngest', async t => {
  const bench = new Bench(1)
  bench.controller.scale('hello', 5)
  bench.settle()
  t.equal(bench.status.available, 5)
  bench.pods[1]?.getReady(false)
  bench.controller.scale('hello', 3)
  t.same(bench.pods.filter(({ told }) => told).map(({ plan }) => plan.address), ['127.1.0.2', '127.1.0.5'])
  bench.settle()
  t.match(bench.status, { replicas: 3, available: 3, pods: 3, ending: 0, complete: true })
})

t.test('a slice tells what a pod is: starting, ready, ending, failing its probe as it ends, gone', async t => {
  const bench = new Bench(1)
  bench.controller.scale('hello', 2)
  const [, pod] = bench.pods
  const conditionsOf = () => bench.slices.get('hello')?.find(({ addresses }) => addresses[0] === pod?.plan.address)?.conditions
  t.same(conditionsOf(), { ready: false, serving: false, terminating: false })
  pod?.getReady()
  t.same(conditionsOf(), { ready: true, serving: true, terminating: false })
  bench.controller.scale('hello', 1)
  t.same(conditionsOf(), { ready: false, serving: true, terminating: true })
  pod?.getReady(false)
  t.same(conditionsOf(), { ready: false, serving: false, terminating: true })
  pod?.go()
  t.equal(conditionsOf(), undefined)
  t.equal(bench.objects.size, 1, 'its Pod object is gone too')
})

t.test('a Service has the pods of its selector, of any Deployment, and follows it when it changes', async t => {
  const bench = new Bench(3)
  bench.controller.apply(readLabManifest('hello-canary.yaml'))
  bench.settle()
  t.equal(bench.controller.readyAddresses('hello').length, 4, 'app: hello is all of them')
  t.equal(bench.controller.readyAddresses('hello-canary').length, 1)
  t.equal(bench.controller.readyAddresses('hello', { track: 'canary' }).length, 1, 'by the labels of pods')
  bench.controller.select('hello', { track: 'stable' })
  t.same(bench.controller.readyAddresses('hello', { track: 'canary' }), [])
  t.equal(bench.controller.readyAddresses('hello').length, 3)
  bench.controller.select('hello', { track: 'canary' })
  t.same(bench.controller.readyAddresses('hello'), bench.controller.readyAddresses('hello-canary'))
  bench.controller.remove('hello-canary')
  bench.settle()
  t.same(bench.slices.get('hello-canary'), [])
})

t.test('the pods get the variables of the manifest, and what they are is their label', async t => {
  const bench = new Bench(1)
  t.match(bench.pods[0]?.plan, { labels: { app: 'hello', track: 'stable', version: '1.0.0' }, environment: { HELLO_NAME: 'hello', HELLO_VERSION: '1.0.0' } })
  bench.controller.relabel('hello', NEXT)
  t.match(bench.pods[1]?.plan, { environment: { HELLO_VERSION: '2.0.0' } })
})

t.test('a pod that ends by itself is replaced; one that never was ready ends the waiting', async t => {
  const bench = new Bench(2)
  bench.pods[0]?.go('SIGKILL')
  t.match(bench.controller.lost, [/: SIGKILL$/])
  t.equal(bench.status.pods, 2, 'another one is started')
  bench.settle()
  const { signal } = new AbortController()
  await bench.controller.until(() => bench.status.available === 2, signal)
  bench.controller.scale('hello', 3)
  const waiting = t.rejects(bench.controller.until(() => bench.status.available === 3, signal), { message: /ended before it was ready: exit code 1: no such port/ })
  bench.pods.at(-1)?.go('exit code 1: no such port')
  await waiting
})

t.test('waiting ends with its signal', async t => {
  const bench = new Bench(1)
  const controller = new AbortController()
  const waiting = t.rejects(bench.controller.until(() => false, controller.signal), { message: 'enough' })
  controller.abort(new Error('enough'))
  await waiting
})

t.test('the rules of a rolling update', async t => {
  const goal = { replicas: 4, maxSurge: 0, maxUnavailable: 1 }
  const full = { wanted: 4, available: 4 }
  const none = { wanted: 0, available: 0 }
  t.same(nextRolloutStep(goal, none, [full]), { fresh: 0, old: [3] }, 'without a surge an old pod goes first')
  t.same(nextRolloutStep(goal, none, [{ wanted: 3, available: 3 }]), { fresh: 1, old: [3] })
  t.same(nextRolloutStep(goal, { wanted: 1, available: 0 }, [{ wanted: 3, available: 3 }]), { fresh: 1, old: [3] }, 'nothing more until it is ready')
  t.same(nextRolloutStep(goal, none, [{ wanted: 4, available: 2 }]), { fresh: 0, old: [3] }, 'one that is not available goes')
  t.same(nextRolloutStep({ ...goal, maxSurge: 2, maxUnavailable: 0 }, none, [full]), { fresh: 2, old: [4] })
  t.same(nextRolloutStep(goal, { wanted: 2, available: 2 }, [{ wanted: 1, available: 0 }, { wanted: 1, available: 1 }]), { fresh: 2, old: [0, 1] }, 'the oldest first')
  t.same(nextRolloutStep(goal, { wanted: 6, available: 6 }, []), { fresh: 4, old: [] })
  t.same(scaleStandingStill(goal, [0, 4]), [0, 4])
  t.same(scaleStandingStill({ ...goal, replicas: 7, maxSurge: 1 }, [2, 2]), [4, 4])
  t.same(scaleStandingStill({ ...goal, replicas: 0 }, [2, 2]), [0, 0])
  t.same([resolvePods('25%', 10, Math.ceil), resolvePods('25%', 10, Math.floor), resolvePods(2, 10, Math.ceil)], [3, 2, 2])
  for (const wrong of ['25', -1, 1.5, undefined]) t.throws(() => resolvePods(wrong, 10, Math.ceil), RangeError)
})
