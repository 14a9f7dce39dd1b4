/**
 * The walk-through of docs/lab.md, step by step: each prints the commands that do the same in a cluster, does it, and holds what comes of
 * it to what the page says.
 */
import http from 'node:http'
import { once } from 'node:events'
import {
  judgeCounts, judgeHomes, judgePods, judgeShare, percent, points, shareTolerance, versionsOfClients, type Counts
} from './lab-judge.ts'
import { readLabManifest } from './lab-manifests.ts'
import { LabFailure, type LabStage } from './lab-stage.ts'

export interface LabStep {
  readonly title: string
  readonly run: (stage: LabStage) => Promise<void>
}

const FOLDER = 'deploy/examples/hello/lab'
/** `api` is curl to the route, with the operator's token: docs/lab.md. */
const API = 'api \''

const BLUE = 'hello 1.0.0'
const NEXT = 'hello 2.0.0'
/** Who answers for the versions of the route. */
const WHO = { stable: BLUE, canary: NEXT, green: NEXT } as const

/** How many requests the canary's pods may be off: a connection that is opened again meets another worker, at its own turn. */
const TURN_TOLERANCE = 2

interface ChangeBody {
  readonly applied?: { readonly workers: number, readonly applied: number, readonly complete: boolean }
}

interface DrainBody {
  readonly safe: boolean
}

export const LAB_STEPS: readonly LabStep[] = [
  { title: 'Deploy', run: deploy },
  { title: 'Scale', run: scale },
  { title: 'Update step by step: pause, resume, undo', run: update },
  { title: 'A canary by pods: 1 of 4 is 25 %', run: canaryByPods },
  { title: 'The same canary by weight', run: canaryByWeight },
  { title: 'Blue and green: switch and back', run: blueGreen }
]

async function deploy (stage: LabStage): Promise<void> {
  const { cluster: { controller }, print } = stage
  print.command(`kubectl apply -f ${FOLDER}/auth.yaml -f ${FOLDER}/hello.yaml`)
  controller.apply(readLabManifest('auth.yaml'))
  controller.apply(readLabManifest('hello.yaml'))
  for (const name of ['auth', 'hello']) {
    await stage.untilComplete(name)
    stage.tell(name)
  }
  print.command(`kubectl apply -k ${FOLDER}/frontend`)
  const frontend = await stage.deployFrontend()
  await frontend.untilKnown(stage.signal)
  print.fact(`Weir is ready with ${frontend.workers} workers: https for clients, a certificate from the Secret, routes from the ConfigMap`)
  stage.hold(judgeCounts(await stage.ask(1), { [BLUE]: stage.clients }), 'hello is behind https')
  stage.hold(judgeCounts(await stage.ask(1, '/login'), { 'auth 1.0.0': stage.clients }), '/login goes to auth')
  const request = http.get({ host: '127.0.0.1', port: frontend.httpPort, agent: false, headers: { host: 'lab.example.com' } })
  const [response] = await once(request, 'response') as [http.IncomingMessage]
  response.resume()
  const location = response.headers.location ?? ''
  const fault = response.statusCode === 308 && location.startsWith('https://lab.example.com') ? undefined : `${response.statusCode} ${location}`
  stage.hold(fault, 'http is redirected to https')
}

async function scale (stage: LabStage): Promise<void> {
  const { cluster: { controller }, print } = stage
  for (const replicas of [5, 3]) {
    print.command(`kubectl scale deployment/hello --replicas=${replicas}`)
    await stage.change(async () => {
      controller.scale('hello', replicas)
      await stage.untilComplete('hello')
    })
    stage.tell('hello')
    const answers = await stage.ask(replicas)
    stage.hold(judgePods(answers, controller.readyAddresses('hello'), TURN_TOLERANCE), `${replicas} pods answer in turn, ${stage.clients} requests each`)
  }
}

async function update (stage: LabStage): Promise<void> {
  const { cluster: { controller }, print } = stage
  controller.beginWatch('hello')
  print.command('kubectl patch deployment/hello -p \'{"spec":{"template":{"metadata":{"labels":{"version":"2.0.0"}}}}}\'')
  print.command('kubectl rollout pause deployment/hello')
  await stage.change(async () => {
    controller.relabel('hello', { version: '2.0.0' })
    await controller.until(() => (controller.status('hello').versions['2.0.0'] ?? 0) > 0, stage.signal)
    controller.pause('hello')
    // What was begun goes on: the pod that has been started gets ready.
    await controller.until(() => controller.status('hello').available === controller.status('hello').pods, stage.signal)
  })
  stage.tell('hello')
  const half = { [BLUE]: 2 * stage.clients, [NEXT]: 2 * stage.clients }
  stage.hold(judgeCounts(await stage.ask(4), half, TURN_TOLERANCE), 'paused half-way: 2 pods of 4 are new, and so are half of the answers')

  print.command('kubectl rollout resume deployment/hello')
  await stage.change(async () => {
    controller.resume('hello')
    await stage.untilComplete('hello')
  })
  stage.tell('hello')
  stage.hold(judgeCounts(await stage.ask(1), { [NEXT]: stage.clients }), 'everybody is on 2.0.0')

  print.command('kubectl rollout undo deployment/hello')
  await stage.change(async () => {
    controller.undo('hello')
    await stage.untilComplete('hello')
  })
  const { fewest, most } = stage.tell('hello')
  stage.hold(judgeCounts(await stage.ask(1), { [BLUE]: stage.clients }), 'everybody is back on 1.0.0')
  stage.hold(fewest < 3 || most > 4 ? `${fewest} to ${most}` : undefined, 'never fewer than 3 pods were available, never were there more than 4')

  print.command('kubectl rollout history deployment/hello')
  const history = controller.history('hello').map(({ revision, version }) => `revision ${revision}: ${version}`).join(', ')
  print.fact(history)
  stage.hold(history === 'revision 2: 2.0.0, revision 3: 1.0.0' ? undefined : history, 'the undo is a revision of its own')
}

/** Another Deployment of hello, of which the folder has a file. */
async function deployBeside (stage: LabStage, name: string): Promise<void> {
  stage.print.command(`kubectl apply -f ${FOLDER}/${name}.yaml`)
  await stage.change(async () => {
    stage.cluster.controller.apply(readLabManifest(`${name}.yaml`))
    await stage.untilComplete(name)
  })
  stage.tell('hello')
  stage.tell(name)
}

async function canaryByPods (stage: LabStage): Promise<void> {
  const { print } = stage
  await deployBeside(stage, 'hello-canary')
  const answers = await stage.ask(4)
  const quarter = { [BLUE]: 3 * stage.clients, [NEXT]: stage.clients }
  stage.hold(judgeCounts(answers, quarter, TURN_TOLERANCE), '1 pod of 4 gets 25 % of the requests')
  const both = [...versionsOfClients(answers).values()].filter(({ size }) => size === 2).length
  print.fact(`${both} of ${stage.clients} clients met both versions`)
  // A client whose connection is opened again may miss the turn of one pod.
  stage.hold(both >= stage.clients - TURN_TOLERANCE ? undefined : `${both} clients`, 'pods are taken in turn, so a client is now here, now there')
}

async function canaryByWeight (stage: LabStage): Promise<void> {
  const { cluster: { controller }, print, frontend } = stage
  print.command(`kubectl apply -k ${FOLDER}/frontend-by-track`)
  await stage.change(async () => { await frontend.reconfigure('frontend-by-track') })
  stage.hold(judgeCounts(await stage.ask(1), { [BLUE]: stage.clients }), 'the canary is a version of its own, by its label, with weight 0')

  const quarter = await setWeights(stage, { stable: 75, canary: 25, green: 0 })
  const half = await setWeights(stage, { stable: 50, canary: 50, green: 0 })
  const moved = [...half].filter(([client, who]) => quarter.get(client) !== who)
  const back = moved.filter(([, who]) => who !== NEXT)
  print.fact(`${moved.length} clients moved, ${moved.length - back.length} of them to 2.0.0`)
  stage.hold(back.length === 0 ? undefined : `${back.map(([client]) => client).join(', ')} moved back`, 'nobody moved but to the canary')

  await post(stage, '/undo?wait=all')
  stage.hold(judgeHomes(await stage.ask(1), quarter), 'everybody is where they were')

  await post(stage, '/switch?wait=all', { to: 'stable', reason: 'the canary has done its work' })
  print.command(`${API}/versions/canary/drain?wait=true'`)
  const { body } = await frontend.route('GET', '/versions/canary/drain?wait=true')
  const drain = body as DrainBody // as its schema has it
  stage.hold(drain.safe ? undefined : JSON.stringify(drain), 'Weir says that the canary may go')
  print.command('kubectl delete deployment/hello-canary')
  await stage.change(async () => {
    controller.remove('hello-canary')
    await stage.untilComplete('hello-canary')
  })
  stage.hold(judgeCounts(await stage.ask(1), { [BLUE]: stage.clients }), 'everybody is on 1.0.0')
}

/** Sets weights of stable and canary, and holds the clients to them. @returns where each belongs */
async function setWeights (stage: LabStage, weights: Counts): Promise<ReadonlyMap<string, string>> {
  const { frontend, print } = stage
  const { stable = 0, canary = 0 } = weights
  const share = canary / (stable + canary)
  const reason = `a canary of ${percent(share)}`
  print.command(`${API}/weights?wait=all&timeout=30s' -X PUT --json '${JSON.stringify({ weights, reason })}'`)
  await stage.change(async () => {
    const { status, body } = await frontend.route('PUT', '/weights?wait=all&timeout=30s', { weights, reason })
    const { applied } = body as ChangeBody // as its schema has it
    if (status !== 200 || applied?.complete !== true) throw new LabFailure(`the weights were not applied: ${status} ${JSON.stringify(body)}`)
    print.fact(`applied by ${applied.applied} of ${applied.workers} workers`)
  })
  const homes = await frontend.homes(WHO)
  const answers = await stage.ask(3)
  stage.hold(judgeHomes(answers, homes), 'each client is where explain says, with all of its requests')
  const clients = [...homes.values()].filter(who => who === NEXT).length
  print.fact(`${clients} of ${homes.size} clients are on 2.0.0`)
  stage.hold(judgeShare(homes, NEXT, share), `that is ${percent(share)} as far as ${homes.size} clients can be: give or take ${points(shareTolerance(share, homes.size))}`)
  return homes
}

async function blueGreen (stage: LabStage): Promise<void> {
  await deployBeside(stage, 'hello-green')
  stage.hold(judgeCounts(await stage.ask(1), { [BLUE]: stage.clients }), 'green is ready, and nobody is sent there')

  await post(stage, '/switch?wait=all', { to: 'green', reason: 'release 2.0.0' })
  stage.hold(judgeCounts(await stage.ask(1), { [NEXT]: stage.clients }), 'everybody is on green')
  await post(stage, '/undo?wait=all')
  stage.hold(judgeCounts(await stage.ask(1), { [BLUE]: stage.clients }), 'everybody is back on blue')

  await switchService(stage)
}

/** The course's way: the selector of the Service, which is one version then. */
async function switchService (stage: LabStage): Promise<void> {
  const { cluster: { controller }, print, frontend } = stage
  print.command(`kubectl patch service/hello -p '${selectorPatch('stable')}'`)
  print.command(`kubectl apply -k ${FOLDER}/frontend`)
  await stage.change(async () => {
    controller.select('hello', { track: 'stable' })
    await frontend.reconfigure('frontend')
  })
  stage.hold(judgeCounts(await stage.ask(1), { [BLUE]: stage.clients }), 'the Service is one version again: blue')
  for (const [track, who, claim] of [['green', NEXT, 'its selector switched, as the course does it: green'], ['stable', BLUE, 'and back: blue']] as const) {
    print.command(`kubectl patch service/hello -p '${selectorPatch(track)}'`)
    await stage.change(async () => { controller.select('hello', { track }) })
    stage.hold(judgeCounts(await stage.ask(1), { [who]: stage.clients }), claim)
  }
}

function selectorPatch (track: string): string {
  return JSON.stringify({ spec: { selector: { track } } })
}

/** Changes the route by the admin API, while clients ask. */
async function post (stage: LabStage, resource: string, body?: unknown): Promise<void> {
  stage.print.command(`${API}${resource}' ${body === undefined ? '-X POST' : `--json '${JSON.stringify(body)}'`}`)
  await stage.change(async () => {
    const answer = await stage.frontend.route('POST', resource, body)
    if (answer.status !== 200) throw new LabFailure(`POST ${resource} was answered with ${answer.status} ${JSON.stringify(answer.body)}`)
  })
}
