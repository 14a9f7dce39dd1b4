/**
 * What an API server says of a pod's spec beyond its types (k8s.io/kubernetes pkg/apis/core/validation), and what the pod security standard
 * `restricted` asks (https://kubernetes.io/docs/concepts/security/pod-security-standards/), as far as the manifests use it.
 */
import { at, listAt } from './manifests.ts'

type Faults = Generator<string>

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
/** The name of a port that something else refers to (RFC 6335): with a letter, and no dashes in a row. */
export const PORT_NAME = /^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/
const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const
/** Kinds of volumes that `restricted` allows. */
const VOLUMES = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret']

const keysOf = (value: unknown): readonly string[] => typeof value === 'object' && value !== null ? Object.keys(value) : []

function * repeats (values: readonly unknown[], what: string): Faults {
  const seen = new Set<unknown>()
  for (const value of values) {
    if (seen.has(value)) yield `${what} ${String(value)} is there twice`
    seen.add(value)
  }
}

/** All containers, those that run first or beside the others included. */
export const containersOf = (pod: unknown): readonly unknown[] => [...listAt(pod, 'initContainers'), ...listAt(pod, 'containers')]

/** Bytes or cores of a quantity, for comparison. */
export function amountOf (quantity: unknown): number {
  const [, digits = '', unit = ''] = /^([\d.]+)([a-zA-Z]*)$/.exec(String(quantity)) ?? []
  const factor = new Map([['', 1], ['m', 0.001], ['k', 1e3], ['M', 1e6], ['G', 1e9], ['Ki', 2 ** 10], ['Mi', 2 ** 20], ['Gi', 2 ** 30]]).get(unit)
  return factor === undefined || digits === '' ? NaN : Number(digits) * factor
}

/** What the API server refuses of a pod's spec. */
export function * podFaults (pod: unknown): Faults {
  if (listAt(pod, 'containers').length === 0) yield 'there is no container'
  yield * repeats(containersOf(pod).map(each => at(each, 'name')), 'container')
  yield * repeats(listAt(pod, 'volumes').map(each => at(each, 'name')), 'volume')
  for (const volume of listAt(pod, 'volumes')) {
    const name = String(at(volume, 'name'))
    if (!DNS_LABEL.test(name)) yield `volume ${name} is no DNS label`
    if (keysOf(volume).length !== 2) yield `volume ${name} must have one source`
    for (const kind of ['secret', 'configMap', 'projected']) {
      const mode = at(volume, `${kind}.defaultMode`)
      if (mode !== undefined && !(Number(mode) >= 0 && Number(mode) <= 0o777)) yield `volume ${name} has the mode ${String(mode)}`
    }
  }
  const volumes = new Set(listAt(pod, 'volumes').map(each => at(each, 'name')))
  for (const container of containersOf(pod)) {
    const isPlainInit = listAt(pod, 'initContainers').includes(container) && at(container, 'restartPolicy') !== 'Always'
    for (const each of containerFaults(container, volumes, isPlainInit)) yield `container ${String(at(container, 'name'))}: ${each}`
  }
  const grace = at(pod, 'terminationGracePeriodSeconds')
  if (grace !== undefined && !(Number(grace) >= 0)) yield 'terminationGracePeriodSeconds is negative'
  yield * spreadFaults(listAt(pod, 'topologySpreadConstraints'))
}

function * containerFaults (container: unknown, volumes: ReadonlySet<unknown>, isPlainInit: boolean): Faults {
  if (!DNS_LABEL.test(String(at(container, 'name')))) yield 'its name is no DNS label'
  if (!['Always', 'IfNotPresent', 'Never', undefined].some(policy => policy === at(container, 'imagePullPolicy'))) yield 'imagePullPolicy is unknown'
  const ports = listAt(container, 'ports')
  yield * repeats(ports.map(port => at(port, 'name')), 'port')
  for (const port of ports) {
    if (!PORT_NAME.test(String(at(port, 'name')))) yield `the port ${String(at(port, 'name'))} has no name of 1 to 15 letters, digits and dashes`
    if (!isPort(at(port, 'containerPort'))) yield `${String(at(port, 'containerPort'))} is no port`
  }
  for (const probe of PROBES) if (at(container, probe) !== undefined) yield * probeFaults(container, probe, isPlainInit)
  const mounts = listAt(container, 'volumeMounts')
  yield * repeats(mounts.map(mount => at(mount, 'mountPath')), 'mountPath')
  for (const mount of mounts) if (!volumes.has(at(mount, 'name'))) yield `there is no volume ${String(at(mount, 'name'))}`
  for (const name of keysOf(at(container, 'resources.limits'))) {
    const [request, limit] = ['requests', 'limits'].map(kind => amountOf(at(at(container, `resources.${kind}`), name) ?? 0))
    if (!((request ?? NaN) <= (limit ?? NaN))) yield `more ${name} is requested than allowed`
  }
  for (const variable of listAt(container, 'env')) {
    if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(String(at(variable, 'name')))) yield `${String(at(variable, 'name'))} is no variable`
    if (at(variable, 'value') !== undefined && at(variable, 'valueFrom') !== undefined) yield `${String(at(variable, 'name'))} has two values`
  }
}

export const isPort = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535

function * probeFaults (container: unknown, probe: typeof PROBES[number], isPlainInit: boolean): Faults {
  if (isPlainInit) yield `an init container that is no sidecar has no ${probe}`
  const value = at(container, probe)
  const kinds = ['exec', 'httpGet', 'tcpSocket', 'grpc'].filter(kind => at(value, kind) !== undefined)
  if (kinds.length !== 1) yield `${probe} must have one kind`
  const port = at(value, 'httpGet.port')
  if (typeof port === 'string' && !listAt(container, 'ports').some(each => at(each, 'name') === port)) yield `${probe}: there is no port ${port}`
  for (const name of ['periodSeconds', 'timeoutSeconds', 'failureThreshold', 'successThreshold']) {
    if (at(value, name) !== undefined && !(Number(at(value, name)) >= 1)) yield `${probe}.${name} must be 1 or more`
  }
  if (probe !== 'readinessProbe' && Number(at(value, 'successThreshold') ?? 1) !== 1) yield `${probe}.successThreshold must be 1`
}

function * spreadFaults (constraints: readonly unknown[]): Faults {
  yield * repeats(constraints.map(each => `${String(at(each, 'topologyKey'))} ${String(at(each, 'whenUnsatisfiable'))}`), 'topologySpreadConstraint')
  for (const each of constraints) {
    if (!(Number(at(each, 'maxSkew')) > 0)) yield 'maxSkew must be positive'
    if (!['DoNotSchedule', 'ScheduleAnyway'].includes(String(at(each, 'whenUnsatisfiable')))) yield 'whenUnsatisfiable is unknown'
    const labels = keysOf(at(each, 'labelSelector.matchLabels'))
    if (labels.length === 0) yield 'a spread over no pods'
    if (listAt(each, 'matchLabelKeys').some(key => labels.includes(String(key)))) yield 'a label is in matchLabelKeys and in labelSelector'
  }
}

/** What `restricted` refuses, of every control of the standard, for a pod that runs on Linux. */
export function * restrictedFaults (pod: unknown): Faults {
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) if (at(pod, field) === true) yield field
  if (at(pod, 'securityContext.sysctls') !== undefined) yield 'sysctls'
  for (const volume of listAt(pod, 'volumes')) {
    if (keysOf(volume).some(key => key !== 'name' && !VOLUMES.includes(key))) yield `volume ${String(at(volume, 'name'))}`
  }
  for (const container of containersOf(pod)) {
    const name = String(at(container, 'name'))
    const own = at(container, 'securityContext')
    const effective = (field: string): unknown => at(own, field) ?? at(pod, `securityContext.${field}`)
    if (at(own, 'privileged') === true) yield `${name}: privileged`
    if (at(own, 'allowPrivilegeEscalation') !== false) yield `${name}: allowPrivilegeEscalation`
    if (!listAt(own, 'capabilities.drop').includes('ALL')) yield `${name}: capabilities.drop`
    if (listAt(own, 'capabilities.add').some(each => each !== 'NET_BIND_SERVICE')) yield `${name}: capabilities.add`
    if (effective('runAsNonRoot') !== true) yield `${name}: runAsNonRoot`
    if (effective('runAsUser') === 0) yield `${name}: runAsUser`
    if (!['RuntimeDefault', 'Localhost'].includes(String(at(effective('seccompProfile'), 'type')))) yield `${name}: seccompProfile`
    if (at(own, 'procMount') !== undefined && at(own, 'procMount') !== 'Default') yield `${name}: procMount`
    if (listAt(container, 'ports').some(port => Number(at(port, 'hostPort') ?? 0) !== 0)) yield `${name}: hostPort`
    for (const field of ['seLinuxOptions', 'windowsOptions', 'appArmorProfile']) if (effective(field) !== undefined) yield `${name}: ${field}`
  }
}
