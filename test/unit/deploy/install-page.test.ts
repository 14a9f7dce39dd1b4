/**
 * docs/install.md says what the manifests do.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { readPage, tableRows } from '../docs/page.ts'
import { KubernetesSchema } from './kubernetes-schema.ts'
import { buildOverlay } from './kustomize.ts'
import { at, DEPLOY, findObject, listAt, parseManifests } from './manifests.ts'
import { linkFaults, objectFaults } from './object-rules.ts'
import { amountOf, containersOf } from './pod-rules.ts'

const page = readPage('docs/install.md')
const overlays = { base: buildOverlay('base'), ingress: buildOverlay('overlays/ingress'), sidecar: buildOverlay('overlays/sidecar') }
const monitoring = buildOverlay('overlays/monitoring')
const podOf = (name: keyof typeof overlays): unknown => at(findObject(overlays[name], 'Deployment', name === 'sidecar' ? 'caller' : 'weir'), 'spec.template.spec')
const weirOf = (name: keyof typeof overlays): unknown => containersOf(podOf(name)).find(each => at(each, 'name') === 'weir')

t.test('how long a pod takes to end is what the page says', async t => {
  const rows = tableRows(page, 'step')
  for (const [index, name] of (['base', 'ingress', 'sidecar'] as const).entries()) {
    const file = name === 'base' ? 'base/weir.yaml' : `overlays/${name}/weir.yaml`
    const drain: unknown = at(parse(readFileSync(path.join(DEPLOY, file), 'utf8')), 'drain')
    const said = rows.map(cells => cells[index + 1]?.replace(' s', 's'))
    const probe = at(weirOf(name), 'readinessProbe')
    t.same(said, [
      at(drain, 'delay'), at(drain, 'timeout'), name === 'sidecar' ? 'that of your pod' : `${String(at(podOf(name), 'terminationGracePeriodSeconds'))}s`,
      `${Number(at(probe, 'periodSeconds')) * (Number(at(probe, 'failureThreshold') ?? 3) - 1)}s`
    ], name)
  }
})

t.test('requests and limits are what the page says, and follow from what it says was measured', async t => {
  const rows = tableRows(page, 'figure')
  const cell = (title: string, column: 1 | 2): string => rows.find(([first]) => first?.includes(title) ?? false)?.[column] ?? ''
  for (const [column, name] of [[1, 'base'], [1, 'ingress'], [2, 'sidecar']] as const) {
    const resources = at(weirOf(name), 'resources')
    t.match(cell('requests.memory', column), new RegExp(`^${amountOf(at(resources, 'requests.memory')) / 2 ** 20} MiB:`), name)
    t.match(cell('limits.memory', column), new RegExp(`^${amountOf(at(resources, 'limits.memory')) / 2 ** 20} MiB:`), name)
    t.match(cell('requests.cpu', column), new RegExp(`^${String(at(resources, 'requests.cpu'))}:`), name)
    const perSecond = Number(/: ([\d,]+) requests/.exec(cell('requests.cpu', column))?.[1]?.replace(',', ''))
    t.ok(Math.abs(amountOf(at(resources, 'requests.cpu')) / (Number.parseFloat(cell('CPU of a request', column)) * 1e-6) - perSecond) < 100, `${perSecond} requests a second`)
    for (const title of ['while it starts', 'under load']) t.ok(Number.parseFloat(cell(title, column)) * 2 ** 20 <= amountOf(at(resources, 'requests.memory')), `what it takes ${title} is asked for`)
  }
})

t.test('the page has every permission of every Role, and no other', async t => {
  const said = new Map<string, string[]>()
  let role = ''
  for (const [name = '', on = '', verbs = ''] of tableRows(page, 'Role')) {
    if (name !== '') role = /`([\w-]+)`/.exec(name)?.[1] ?? ''
    const resource = on === '' ? said.get(role)?.at(-1)?.split(' ')[0] ?? '' : /`(\w+)`/.exec(on)?.[1] ?? ''
    said.set(role, [...said.get(role) ?? [], ...[...verbs.matchAll(/`(\w+)`/g)].map(([, verb]) => `${resource} ${String(verb)}`)])
  }
  const roles = new Map(Object.values(overlays).flat().filter(each => at(each, 'kind') === 'Role').map(each => [String(at(each, 'metadata.name')), each]))
  t.same([...said.keys()].toSorted(), [...roles.keys()].toSorted())
  for (const [name, object] of roles) {
    const given = listAt(object, 'rules').flatMap(rule => listAt(rule, 'resources').flatMap(resource => listAt(rule, 'verbs').map(verb => `${String(resource)} ${String(verb)}`)))
    t.same(said.get(name)?.toSorted(), given.toSorted(), name)
  }
})

t.test('the page has every alert with its severity', async t => {
  const rules = listAt(at(findObject(monitoring, 'PrometheusRule', 'weir'), 'spec.groups.0'), 'rules')
  const said = tableRows(page, 'alert').map(([name = '', severity]) => [name.replaceAll('`', ''), severity])
  t.same(said.toSorted(), rules.map(rule => [at(rule, 'alert'), at(rule, 'labels.severity')]).toSorted())
})

t.test('the memory that the page has is what was measured last', async t => {
  const measured = tableRows(readPage('bench/README.md'), 'as in')
  for (const [row, column] of [[0, 1], [1, 2]] as const) {
    const figures = ['while it starts', 'at rest', 'under load'].map(title => tableRows(page, 'figure').find(([first = '']) => first.includes(title))?.[column])
    t.same(figures, measured[row]?.slice(2).map(figure => `${figure} MiB`))
  }
})

t.test('the autoscaler and its targets are what the page says', async t => {
  const spec = at(findObject(overlays.ingress, 'HorizontalPodAutoscaler', 'weir'), 'spec')
  t.match(page, `from ${String(at(spec, 'minReplicas'))} to ${String(at(spec, 'maxReplicas'))}`)
  t.match(page, `**CPU**, ${String(at(spec, 'metrics.0.resource.target.averageUtilization'))} % of the request`)
  t.match(page, `\`weir_requests_in_flight\`**, ${String(at(spec, 'metrics.1.pods.target.averageValue'))} a pod`)
})

const kubectl = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore', env: childEnvironment() }).status === 0

t.test('the overlay of the page builds, with every patch of the page, and an API server accepts it', { skip: kubectl ? false : 'kubectl is not installed' }, async t => {
  const blocks = [...page.matchAll(/```yaml\n([^`]*)```/g)].map(([, block = '']) => block)
  const directory = t.testdir({ 'weir.yaml': readFileSync(path.join(DEPLOY, 'overlays/tls/weir.yaml'), 'utf8') })
  const own = parse(blocks.find(block => block.includes('kind: Kustomization')) ?? '', { version: '1.1' }) as Record<string, unknown>
  const patches = blocks.filter(block => block.startsWith('patches:')).flatMap(block => listAt(parse(block), 'patches'))
  t.equal(patches.length, 2)
  const text = JSON.stringify({ ...own, patches }).replaceAll('../weir/deploy', path.relative(directory, DEPLOY)).replace('sha256:…', `sha256:${'0'.repeat(64)}`)
  t.testdir({ 'weir.yaml': readFileSync(path.join(DEPLOY, 'overlays/tls/weir.yaml'), 'utf8'), 'kustomization.yaml': text })
  const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', directory], { encoding: 'utf8', env: childEnvironment() })
  t.equal(status, 0, stderr)
  const objects = parseManifests(stdout, 'kubectl')
  const schema = new KubernetesSchema()
  for (const object of objects.filter(each => !String(at(each, 'apiVersion')).startsWith('monitoring.'))) {
    t.same([...schema.faultsOf(object), ...objectFaults(object)], [], `${String(at(object, 'kind'))} ${String(at(object, 'metadata.name'))}`)
  }
  t.same([...linkFaults(objects)], [])
  t.match(at(findObject(objects, 'Deployment', 'weir'), 'spec.template.spec.containers.0.image'), /^registry\.example\.com\/weir@sha256:0{64}$/)
  t.equal(at(findObject(objects, 'Deployment', 'weir'), 'spec.replicas'), undefined, 'the autoscaler has them')
  t.equal(listAt(findObject(objects, 'HorizontalPodAutoscaler', 'weir'), 'spec.metrics').length, 1)
})
