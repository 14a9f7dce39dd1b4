/**
 * Several Weirs that keep who is on their lists in one ConfigMap, against the double of an API server.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { createListConfigMapCodec } from '../../src/lists/list-config-map.ts'
import { MemberList } from '../../src/lists/member-list.ts'
import { getOnce } from '../helpers/keep-alive-client.ts'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { startOrigins } from '../helpers/origins.ts'
import { eventually, startWeir, temporaryDirectory, type WeirProcess } from '../helpers/weir-process.ts'

const OBJECT = 'weir-state-lists'
const KEY = 'hello.LIST.beta'
const BETA = '/v1/routes/hello/lists/beta'

// Alone it has the time of a test for itself; in a batch, that of the batch.
if (import.meta.main) t.setTimeout(600_000)

const server = await KubeApiServer.start()
t.teardown(async () => { await server.stop() })
const [stable, canary] = await startOrigins(t, ['stable', 'canary'])
const kubeconfig = path.join(await temporaryDirectory(t), 'kubeconfig')
await writeFile(kubeconfig, server.kubeconfig())

const start = async (): Promise<WeirProcess> => await startWeir(t, {
  config: () => ({
    workers: 2,
    kubernetes: { kubeconfig },
    state: { store: 'kubernetes' },
    limits: { maxListMembers: 1_000_000 },
    routes: [{
      name: 'hello',
      lists: [{ name: 'beta', version: 'canary', by: 'header', header: 'X-User' }],
      versions: [
        { name: 'stable', weight: 100, endpoints: { static: [stable.endpoint] } },
        { name: 'canary', weight: 0, endpoints: { static: [canary.endpoint] } }
      ]
    }]
  })
})

async function sizeOf (weir: WeirProcess): Promise<number> {
  return ((await weir.api('GET', BETA)).body as { readonly members: number }).members // as its schema has it
}

async function untilSize (weir: WeirProcess, size: number): Promise<void> {
  await eventually(async () => await sizeOf(weir) === size ? true : undefined)
}

async function bodyFor (weir: WeirProcess, user: string): Promise<string> {
  return (await getOnce({ port: weir.ports.web }, '/', { 'x-user': user })).body
}

async function importTo (weir: WeirProcess, ids: Iterable<string>, query = ''): Promise<{ readonly status: number, readonly body: unknown }> {
  const answer = await fetch(`${weir.url}${BETA}/import${query}`, {
    method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: [...ids].map(id => `${JSON.stringify(id)}\n`).join('')
  })
  return { status: answer.status, body: await answer.json() }
}

function * numbered (name: string, count: number): Generator<string> {
  for (let index = 0; index < count; index++) yield `${name}-${index}`
}

const replicas = await Promise.all([start(), start()])
const [one, two] = replicas

t.test('an import through one replica is on all of them, and so is each edit', async t => {
  t.match(await importTo(one, numbered('user', 20_000)), { status: 200, body: { added: 20_000, members: 20_000 } })
  await untilSize(two, 20_000)
  for (const weir of replicas) {
    t.equal(await bodyFor(weir, 'user-19999'), 'canary')
    t.equal(await bodyFor(weir, 'user-20000'), 'stable')
  }
  t.equal((await two.api('DELETE', `${BETA}/members/user-7`)).status, 200)
  await untilSize(one, 19_999)
  t.equal(await bodyFor(one, 'user-7'), 'stable')
})

t.test('of edits through both at a time none is lost', async t => {
  const before = await sizeOf(one)
  const answers = await Promise.all(replicas.flatMap((weir, replica) => Array.from({ length: 20 }, async (_, index) =>
    (await weir.api('PUT', `${BETA}/members/at-once-${replica}-${index}`)).status)))
  t.same(answers.filter(status => status !== 200), [])
  for (const weir of replicas) await untilSize(weir, before + 40)
})

t.test('more than a ConfigMap holds is refused with the remedy, and nothing has changed', async t => {
  const before = await sizeOf(one)
  const random = Array.from({ length: 60_000 }, () => crypto.randomUUID())
  t.match(await importTo(one, random), { status: 422, body: { code: 'list_full', detail: /would take \d+ bytes in the ConfigMap, of 921600 .*Remove members \(the longest list is hello\/beta\)/ } })
  t.equal(await sizeOf(one), before)
  t.equal(await bodyFor(one, random[0] ?? ''), 'stable')
  t.equal((await one.api('PUT', `${BETA}/members/after-it`)).status, 200)
  await untilSize(two, before + 1)
})

t.test('an object that was deleted is written again, with its members', async t => {
  const before = await sizeOf(one)
  server.configMaps.objects.delete('default', OBJECT)
  await eventually(async () => server.configMaps.objects.get('default', OBJECT))
  for (const weir of replicas) {
    t.equal(await sizeOf(weir), before)
    t.equal(await bodyFor(weir, 'user-1'), 'canary')
  }
  t.equal((await two.api('PUT', `${BETA}/members/behind-it`)).status, 200)
  await untilSize(one, before + 1)
})

t.test('an edit by hand is a change; one that can\'t be used is named, changes nothing, and is written over', async t => {
  const { objects } = server.configMaps
  objects.editBinary('default', OBJECT, data => ({ ...data, ...createListConfigMapCodec().encode(new Map([[KEY, MemberList.of(['by-hand', 'user-1'])]])) }))
  for (const weir of replicas) {
    await untilSize(weir, 2)
    t.equal(await bodyFor(weir, 'by-hand'), 'canary')
    t.equal(await bodyFor(weir, 'user-2'), 'stable')
  }
  const from = one.log.length
  objects.editBinary('default', OBJECT, data => ({ ...data, note: 'b3Vycw==', [KEY]: (data[KEY] ?? '').slice(0, -8) }))
  t.match(await one.untilLogged('what is known of the lists in Kubernetes can\'t be used; what was in force before stays so', from), { fault: /^hello\.LIST\.beta / })
  t.equal(await bodyFor(one, 'by-hand'), 'canary')
  t.match(await one.api('GET', '/v1/state'), { body: { state: 'synced', lists: { state: 'refused', detail: /^hello\.LIST\.beta / } } })
  t.equal(await one.metric('weir_state_store_up', { store: 'kubernetes' }), 0)
  t.equal((await one.api('PUT', `${BETA}/members/next`)).status, 200)
  t.match(await one.api('GET', '/v1/state'), { body: { lists: { state: 'synced', detail: '' } } })
  t.equal(await one.metric('weir_state_store_up', { store: 'kubernetes' }), 1)
  await untilSize(two, 3)
  t.equal(objects.get('default', OBJECT)?.binaryData?.['note'], 'b3Vycw==', 'what is not Weir\'s stays')
})

t.test('with the API server away traffic goes on, and a change is refused with the reason, whole', async t => {
  await server.kill()
  t.match(await one.api('PUT', `${BETA}/members/lost`), { status: 503, body: { code: 'store_failed', detail: /the ConfigMap weir-state-lists can't be written/ } })
  t.match(await importTo(two, numbered('lost', 100), '?mode=replace'), { status: 503, body: { code: 'store_failed' } })
  for (const weir of replicas) {
    t.equal(await sizeOf(weir), 3)
    t.equal(await bodyFor(weir, 'by-hand'), 'canary')
    t.equal(await bodyFor(weir, 'lost-1'), 'stable')
  }
  await server.startAgain()
  await eventually(async () => (await one.api('PUT', `${BETA}/members/back`)).status === 200 ? true : undefined)
  await untilSize(two, 4)

  server.failNext([403], 'update', 'configmaps')
  t.match(await two.api('PUT', `${BETA}/members/forbidden`), { status: 503, body: { code: 'store_failed', detail: /may not write .*nothing was changed/ } })
  server.failNext(['lost'], 'update', 'configmaps')
  t.match(await two.api('PUT', `${BETA}/members/no-answer`), { status: 200, body: { added: 1, members: 5 } }, 'a write whose answer is lost was made')
  await untilSize(one, 5)
})

t.test('a change has one deadline, however slow the API server is and however often others are faster', async t => {
  const { objects } = server.configMaps
  const before = server.requests.length
  let edits = 0
  server.slow = { ms: 700, meanwhile: () => { objects.editBinary('default', OBJECT, data => ({ ...data, note: Buffer.from(`edit ${++edits}`).toString('base64') })) } }
  const answer = await one.api('PUT', `${BETA}/members/never`)
  server.slow = undefined
  t.match(answer, { status: 503, body: { code: 'store_failed' } })
  // Of 700 ms each: more do not go into four seconds, and 100 tries would not be over in a minute.
  t.ok(server.requests.slice(before).filter(({ verb, path }) => verb === 'update' && path.endsWith(OBJECT)).length <= 6)
  await eventually(async () => (await one.api('PUT', `${BETA}/members/after-all`)).status === 200 ? true : undefined)
})

t.test('a replica that starts knows the members before it takes clients', async t => {
  const third = await start()
  t.equal(await bodyFor(third, 'by-hand'), 'canary')
  t.equal(await third.stop(), 0)
  t.same(await Promise.all(replicas.map(async weir => await weir.stop())), [0, 0])
})
