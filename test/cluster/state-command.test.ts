/**
 * `weir state export` and `weir state import`: from the file of a running Weir into a ConfigMap, and back out of it.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { MAIN, runWeir, startWeir, temporaryDirectory, type Outcome } from '../helpers/weir-process.ts'

const versions = [
  { name: 'v1', weight: 75, endpoints: { static: ['127.0.0.1:9'] } },
  { name: 'v2', weight: 25, endpoints: { static: ['127.0.0.1:9'] } }
]
const routes = [{ name: 'hello', versions }]

t.test('weights and history move from a file to Kubernetes and back', async t => {
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  const directory = await temporaryDirectory(t)
  const state = { store: 'file', path: path.join(directory, 'state.json') }
  const weir = await startWeir(t, { directory, config: () => ({ workers: 1, state, routes }) })
  t.equal((await weir.setWeights('hello', { v1: 60, v2: 40 })).status, 200)
  const run = async (action: string, file: string, input = ''): Promise<Outcome> => await runWeir(['state', action, '--config', file], {}, MAIN, input)

  const exported = await run('export', weir.configFile)
  t.match(exported, { code: 0, stderr: '' })
  t.match(JSON.parse(exported.stdout), { format: 'weir-state', value: { routes: { hello: { epoch: 2, weights: { v1: 60, v2: 40 } } } } })
  t.match(await run('import', weir.configFile, exported.stdout), { code: 1, stderr: new RegExp(`^weir state import: .*${weir.pid}`) }, 'its file is in use')
  t.equal(await weir.stop(), 0)

  const kubeconfig = path.join(directory, 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig())
  const inCluster = path.join(directory, 'in-cluster.yaml')
  await writeFile(inCluster, JSON.stringify({ listeners: [{ name: 'web', port: 8080 }], kubernetes: { kubeconfig }, state: { store: 'kubernetes' }, routes }))
  t.match(await run('import', inCluster, exported.stdout), { code: 0, stdout: '1 route has been imported.\n', stderr: '' })
  t.match(server.configMaps.objects.get('default', 'weir-state')?.data?.['route.hello'], /^\{"weights": \{"v1":60,"v2":40\},/)
  t.match(await run('import', inCluster, exported.stdout), { code: 0 }, 'again')
  const back = await run('export', inCluster)
  t.match(JSON.parse(back.stdout), { value: { routes: { hello: { epoch: 3, weights: { v1: 60, v2: 40 }, history: [{}, { reason: 'a test' }] } } } }, 'under an epoch that nobody has seen')
  t.match(await run('import', weir.configFile, back.stdout), { code: 0 }, 'into the file that nobody uses')
})

t.test('an export says on standard error which lists have members that are not in it', async t => {
  const directory = await temporaryDirectory(t)
  const lists = [{ name: 'beta', version: 'v2', by: 'header', header: 'x-user' }]
  const weir = await startWeir(t, { directory, config: () => ({ workers: 1, state: { store: 'file', path: path.join(directory, 'state.json') }, routes: [{ ...routes[0], lists }] }) })
  const { code, stdout, stderr } = await runWeir(['state', 'export', '--config', weir.configFile])
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { format: 'weir-state' })
  t.equal(stderr, 'weir state export: the members of lists are not in it (hello beta): weir list show ROUTE LIST --all -o json has them\n')
  t.equal(await weir.stop(), 0)
})

t.test('what can\'t be exported or imported is refused with the reason', async t => {
  const directory = await temporaryDirectory(t)
  const write = async (name: string, state: unknown): Promise<string> => {
    const file = path.join(directory, name)
    await writeFile(file, JSON.stringify({ listeners: [{ name: 'web', port: 8080 }], state, routes }))
    return file
  }
  const memory = await write('memory.yaml', { store: 'memory' })
  const file = await write('file.yaml', { store: 'file', path: path.join(directory, 'none.json') })
  const results = await Promise.all([
    runWeir(['state', 'export', '--config', memory]),
    runWeir(['state', 'export', '--config', file]),
    runWeir(['state', 'import', '--config', file], {}, MAIN, '{"format":"nginx"}'),
    runWeir(['state', 'export']),
    runWeir(['state', 'move', '--config', file])
  ])
  t.match(results, [
    { code: 1, stderr: /^weir state export: state\.store is memory/ },
    { code: 1, stderr: /^weir state export: .*none\.json does not exist|there is no such file/ },
    { code: 1, stderr: 'weir state import: it is not a state file of Weir\n' },
    { code: 2, stderr: /--config/ },
    { code: 2, stderr: /weir state needs export or import/ }
  ])
  t.same(results.map(({ stdout }) => stdout), ['', '', '', '', ''])
})
