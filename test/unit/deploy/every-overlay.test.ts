/**
 * Every object of every overlay: that an API server accepts it, that the strictest pod security standard does, and that Weir's configuration fits
 * its pod: ports, files, memory, and the time to drain.
 */
import path from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import { isLoopback } from '../../../src/core/socket-address.ts'
import { parseDurationMs } from '../../../src/core/duration.ts'
import { bufferShare, bufferWarning } from '../../../src/net/byte-budget.ts'
import { KubernetesSchema } from './kubernetes-schema.ts'
import { buildOverlay } from './kustomize.ts'
import { at, findObject, listAt, OVERLAYS } from './manifests.ts'
import { monitoringFaults } from './monitoring-schema.ts'
import { linkFaults, objectFaults } from './object-rules.ts'
import { amountOf, containersOf, restrictedFaults } from './pod-rules.ts'

const schema = new KubernetesSchema()
const shapeFaults = (object: unknown): readonly string[] => at(object, 'apiVersion') === 'monitoring.coreos.com/v1' ? monitoringFaults(object) : schema.faultsOf(object)
const faultsOf = (object: unknown): readonly string[] => [...shapeFaults(object), ...objectFaults(object)]
const podsOf = (objects: readonly unknown[]): readonly unknown[] => objects.filter(each => at(each, 'kind') === 'Deployment').map(each => at(each, 'spec.template.spec'))

const MIB = 1_048_576
/** The process with so many workers at rest, with the library of the Kubernetes API: more than `npm run bench:pod` has measured. */
const restBytes = (workers: number): number => (124 + 10 * workers) * MIB
/** An idle client with the kernel's part of it; `npm run bench:idle` has measured 5.1 KiB without. */
const IDLE_BYTES = 8_192
/** How much longer a pod lives than Weir may need. */
const MARGIN_MS = 5_000

interface InPod {
  readonly pod: unknown
  readonly container: unknown
  readonly text: string
}

/** The containers of Weir, each with the weir.yaml that is mounted into it. */
function weirsOf (objects: readonly unknown[]): readonly InPod[] {
  return podsOf(objects).flatMap(pod => containersOf(pod).filter(each => at(each, 'name') === 'weir').map(container => {
    const mount = listAt(container, 'volumeMounts').find(each => at(each, 'mountPath') === '/etc/weir/config')
    const volume = listAt(pod, 'volumes').find(each => at(each, 'name') === at(mount, 'name'))
    const map = findObject(objects, 'ConfigMap', String(at(volume, 'configMap.name')))
    const text = new Map<string, unknown>(Object.entries(Object(at(map, 'data')))).get('weir.yaml')
    if (typeof text !== 'string') throw new TypeError('a Weir without a configuration')
    return { pod, container, text }
  }))
}

const configOf = async ({ text, container }: InPod) => await loadConfig({
  file: undefined,
  text: { name: 'weir.yaml', bytes: Buffer.from(text) },
  env: Object.fromEntries(listAt(container, 'env').filter(each => at(each, 'value') !== undefined).map(each => [String(at(each, 'name')), String(at(each, 'value'))])),
  args: []
})

t.ok(OVERLAYS.length >= 7, 'they are found')
for (const folder of OVERLAYS) {
  const objects = buildOverlay(folder)

  t.test(`${folder}: Kubernetes 1.30 and newer accept every object`, async t => {
    for (const object of objects) t.same(faultsOf(object), [], `${String(at(object, 'kind'))} ${String(at(object, 'metadata.name'))}`)
    t.same([...linkFaults(objects)], [], 'what they name is there')
    const places = objects.map(object => ['apiVersion', 'kind', 'metadata.namespace', 'metadata.name'].map(key => at(object, key)).join(' '))
    t.equal(new Set(places).size, places.length, 'none is there twice')
  })

  t.test(`${folder}: every pod meets the restricted pod security standard, and has bounds`, async t => {
    t.not(podsOf(objects).length, 0)
    for (const pod of podsOf(objects)) {
      t.same([...restrictedFaults(pod)], [])
      for (const container of containersOf(pod)) {
        const user = at(container, 'securityContext.runAsUser') ?? at(pod, 'securityContext.runAsUser')
        t.ok(typeof user === 'number' && user > 0, 'a number, so that the kubelet can check it')
        t.equal(at(container, 'securityContext.readOnlyRootFilesystem'), true)
        t.ok(['requests.cpu', 'requests.memory', 'limits.memory'].every(key => at(container, `resources.${key}`) !== undefined), 'it asks for what it needs, and memory is bounded')
        t.match(at(container, 'image'), /^[a-z0-9./-]+(:(?!latest$)[\w.-]+)?(@sha256:[0-9a-f]{64})?$/, 'an image that is the same tomorrow')
      }
    }
  })

  for (const weir of weirsOf(objects)) {
    const { pod, container } = weir
    t.test(`${folder}: the configuration of Weir fits its pod`, async t => {
      const { config, warnings } = await configOf(weir)
      t.same(warnings, [])
      const open = [
        ...config.listeners.map(({ name, address, port }) => ({ name, address, port })),
        { name: 'admin', address: config.admin.address, port: config.admin.port },
        { name: 'probes', address: config.admin.probes?.address ?? '', port: config.admin.probes?.port ?? 0 }
      ].filter(({ address }) => !isLoopback(address))
      const ports = listAt(container, 'ports').map(port => ({ name: at(port, 'name'), port: at(port, 'containerPort') }))
      t.same(ports.map(({ port }) => port).toSorted(), open.map(({ port }) => port).toSorted(), 'its ports are those that others reach')
      t.equal(config.admin.probes?.address, '0.0.0.0', 'the kubelet has to reach it')
      const probed = ports.find(({ port }) => port === config.admin.probes?.port)?.name
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) t.equal(at(container, `${probe}.httpGet.port`), probed, probe)
      t.same([at(container, 'readinessProbe.httpGet.path'), at(container, 'livenessProbe.httpGet.path')], ['/readyz', '/healthz'])
      t.equal(config.admin.tokens.length === 0, isLoopback(config.admin.address), 'an admin API that others can reach needs tokens')
      t.equal(at(pod, 'enableServiceLinks'), false, 'variables of Services could be read as options')
    })

    t.test(`${folder}: Weir finds its files where they are mounted, and can write where it has to`, async t => {
      const { config } = await configOf(weir)
      const mounts = listAt(container, 'volumeMounts')
      const mountOf = (file: string): unknown => mounts.find(mount => at(mount, 'mountPath') === path.posix.dirname(file))
      const read = [
        String(listAt(container, 'args')[2]),
        ...config.admin.tokens.map(({ file }) => file),
        ...config.replicas?.secretFile === undefined ? [] : [config.replicas.secretFile],
        ...config.listeners.flatMap(({ tls }) => (tls?.certificates ?? []).flatMap(({ cert, key }) => [cert, key]))
      ]
      for (const file of read) {
        t.match(mountOf(file), { readOnly: true }, file)
        t.equal(at(mountOf(file), 'subPath'), undefined, 'a whole directory, or the kubelet would not update it')
      }
      const written = mounts.filter(mount => at(mount, 'readOnly') !== true)
      t.same(written, config.state.store === 'file' ? [mountOf(config.state.path)] : [], 'nothing else is written')
    })

    t.test(`${folder}: what the process, its buffers and its idle clients take fits into the memory limit`, async t => {
      const { config: { workers, limits } } = await configOf(weir)
      const { maxConnections } = limits
      if (workers === 'auto' || maxConnections === 'auto') throw new TypeError('what follows from the node does not fit into a limit')
      const facts = { limitBytes: amountOf(at(container, 'resources.limits.memory')), machineBytes: 64 * 1_024 * MIB }
      const each = limits.maxBufferedBytes ?? bufferShare(facts, workers)
      t.equal(bufferWarning(each, facts, workers), undefined)
      t.ok(each >= 32 * MIB, `${each} bytes for each worker`)
      t.ok(maxConnections > 0 && workers * (each + maxConnections * IDLE_BYTES) <= facts.limitBytes - restBytes(workers))
    })

    t.test(`${folder}: the pod is given the time to drain, and gets requests as long as Weir counts on them`, async t => {
      const { drain } = (await configOf(weir)).config
      const [delayMs, timeoutMs] = [parseDurationMs(drain.delay), parseDurationMs(drain.timeout)]
      t.equal(at(container, 'lifecycle'), undefined, 'the delay is Weir\'s own: the image may do without a shell')
      t.ok(delayMs + timeoutMs + MARGIN_MS <= 1_000 * Number(at(pod, 'terminationGracePeriodSeconds')), `${drain.delay}, ${drain.timeout} and five seconds fit`)
      // The probe that finds it not ready first comes at once or a period later; the pod is `serving` until as many have failed.
      const servingMs = 1_000 * Number(at(container, 'readinessProbe.periodSeconds')) * (Number(at(container, 'readinessProbe.failureThreshold') ?? 3) - 1)
      t.ok(servingMs >= delayMs, `it is serving for ${servingMs} ms at least`)
      const isSidecar = listAt(pod, 'initContainers').includes(container)
      t.equal(delayMs >= 5_000, !isSidecar, 'the nodes have the time to take the pod out of the Service; a sidecar is told when nobody is left')
    })
  }
}
