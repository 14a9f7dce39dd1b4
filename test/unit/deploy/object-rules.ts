/**
 * What an API server refuses beyond the types of an object, as far as the manifests use it: names, labels, references between fields
 * (k8s.io/kubernetes pkg/apis, the validation of each group), and links between objects, which no API server checks.
 */
import { at, listAt } from './manifests.ts'
import { isPort, podFaults, PORT_NAME } from './pod-rules.ts'

type Faults = Generator<string>

const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const SERVICE_NAME = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/
const LABEL_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']

const entriesOf = (value: unknown): ReadonlyArray<[string, unknown]> => typeof value === 'object' && value !== null ? Object.entries(value) : []
const labelsMatch = (selector: unknown, labels: unknown): boolean => {
  return entriesOf(selector).length > 0 && entriesOf(selector).every(([key, value]) => new Map(entriesOf(labels)).get(key) === value)
}

/** The faults of one object. */
export function * objectFaults (object: unknown): Faults {
  const kind = String(at(object, 'kind'))
  const name = String(at(object, 'metadata.name'))
  if (!(kind === 'Service' ? SERVICE_NAME : SUBDOMAIN).test(name)) yield `${name} is no name of a ${kind}`
  yield * labelFaults(object, kind)
  switch (kind) {
    case 'Deployment': yield * deploymentFaults(object); break
    case 'Service': yield * serviceFaults(object); break
    case 'HorizontalPodAutoscaler': yield * autoscalerFaults(at(object, 'spec')); break
    case 'PodDisruptionBudget': yield * budgetFaults(at(object, 'spec')); break
    case 'NetworkPolicy': yield * policyFaults(at(object, 'spec')); break
    case 'Role': yield * roleFaults(object); break
    case 'RoleBinding': yield * bindingFaults(object); break
    case 'ConfigMap': yield * mapFaults(object); break
    default:
  }
}

/** Keys and values of labels and of what selects by them, wherever they are in an object. */
function * labelFaults (value: unknown, place: string): Faults {
  for (const [key, inner] of entriesOf(value)) {
    if (['labels', 'matchLabels', 'annotations'].includes(key)) {
      for (const [name, text] of entriesOf(inner)) {
        const [last = '', prefix, ...rest] = name.split('/').toReversed()
        if (!LABEL_NAME.test(last) || rest.length > 0 || (prefix !== undefined && !SUBDOMAIN.test(prefix))) yield `${place}.${key}: ${name} is no key`
        if (key !== 'annotations' && text !== '' && !LABEL_NAME.test(String(text))) yield `${place}.${key}.${name}: ${String(text)} is no value`
      }
    } else yield * labelFaults(inner, `${place}.${key}`)
  }
}

function * deploymentFaults (object: unknown): Faults {
  const selector = at(object, 'spec.selector.matchLabels')
  if (!labelsMatch(selector, at(object, 'spec.template.metadata.labels'))) yield 'the selector does not match the labels of the template'
  yield * podFaults(at(object, 'spec.template.spec'))
  const { maxSurge, maxUnavailable } = Object(at(object, 'spec.strategy.rollingUpdate')) as Record<string, unknown>
  if (maxSurge === 0 && maxUnavailable === 0) yield 'a rolling update that can begin nowhere'
}

function * serviceFaults (object: unknown): Faults {
  const ports = listAt(object, 'spec.ports')
  if (ports.length === 0) yield 'a Service needs a port'
  if (new Set(ports.map(port => at(port, 'name'))).size < ports.length) yield 'two ports have one name'
  if (new Set(ports.map(port => at(port, 'port'))).size < ports.length) yield 'two ports have one number'
  for (const port of ports) {
    const target = at(port, 'targetPort')
    if (!isPort(at(port, 'port'))) yield `${String(at(port, 'port'))} is no port`
    if (typeof target === 'string' && !PORT_NAME.test(target)) yield `${target} is no name of a port`
    if (at(port, 'nodePort') !== undefined) yield 'a nodePort that another Service may have'
  }
  const type = String(at(object, 'spec.type') ?? 'ClusterIP')
  if (!['ClusterIP', 'NodePort', 'LoadBalancer'].includes(type)) yield `${type} is no type of a Service`
  if (at(object, 'spec.externalTrafficPolicy') !== undefined && type === 'ClusterIP') yield 'externalTrafficPolicy is for NodePort and LoadBalancer'
}

function * autoscalerFaults (spec: unknown): Faults {
  if (!(Number(at(spec, 'minReplicas')) >= 1 && Number(at(spec, 'minReplicas')) <= Number(at(spec, 'maxReplicas')))) yield 'minReplicas is above maxReplicas, or 0'
  const sources = new Map([['Resource', 'resource'], ['Pods', 'pods'], ['ContainerResource', 'containerResource'], ['Object', 'object'], ['External', 'external']])
  for (const metric of listAt(spec, 'metrics')) {
    const type = String(at(metric, 'type'))
    const source = sources.get(type)
    if (source === undefined || entriesOf(metric).some(([key]) => key !== 'type' && key !== source) || at(metric, source) === undefined) {
      yield `a metric of the type ${type} needs its own source and no other`
      continue
    }
    const target = at(metric, `${source}.target`)
    const field = new Map([['Utilization', 'averageUtilization'], ['AverageValue', 'averageValue'], ['Value', 'value']]).get(String(at(target, 'type')))
    if (field === undefined || at(target, field) === undefined || entriesOf(target).length !== 2) yield `${type}: the target does not fit its type`
    if (type === 'Pods' && field !== 'averageValue') yield 'Pods: only averageValue is allowed'
  }
  for (const policy of [...listAt(spec, 'behavior.scaleDown.policies'), ...listAt(spec, 'behavior.scaleUp.policies')]) {
    if (!['Pods', 'Percent'].includes(String(at(policy, 'type'))) || !(Number(at(policy, 'value')) > 0)) yield 'a policy that scales nothing'
    if (!(Number(at(policy, 'periodSeconds')) > 0 && Number(at(policy, 'periodSeconds')) <= 1_800)) yield 'periodSeconds must be from 1 to 1800'
  }
  for (const direction of ['scaleDown', 'scaleUp']) {
    if (Number(at(spec, `behavior.${direction}.stabilizationWindowSeconds`) ?? 0) > 3_600) yield 'stabilizationWindowSeconds is above 3600'
  }
}

function * budgetFaults (spec: unknown): Faults {
  if ((at(spec, 'minAvailable') === undefined) === (at(spec, 'maxUnavailable') === undefined)) yield 'needs minAvailable or maxUnavailable, and not both'
  if (!['IfHealthyBudget', 'AlwaysAllow', undefined].some(policy => policy === at(spec, 'unhealthyPodEvictionPolicy'))) yield 'unhealthyPodEvictionPolicy is unknown'
}

function * policyFaults (spec: unknown): Faults {
  for (const type of listAt(spec, 'policyTypes')) if (!['Ingress', 'Egress'].includes(String(type))) yield `${String(type)} is no type of a policy`
  for (const rule of listAt(spec, 'ingress')) {
    for (const port of listAt(rule, 'ports')) {
      const value = at(port, 'port')
      if (typeof value === 'string' ? !PORT_NAME.test(value) : !isPort(value)) yield `${String(value)} is no port`
    }
    for (const peer of listAt(rule, 'from')) {
      if (entriesOf(peer).length === 0) yield 'a peer needs a selector'
      if (at(peer, 'ipBlock') !== undefined && entriesOf(peer).length > 1) yield 'ipBlock stands alone'
    }
  }
}

function * roleFaults (object: unknown): Faults {
  for (const rule of listAt(object, 'rules')) {
    for (const list of ['verbs', 'resources', 'apiGroups']) if (listAt(rule, list).length === 0) yield `a rule without ${list}`
    for (const verb of listAt(rule, 'verbs')) if (!VERBS.includes(String(verb))) yield `${String(verb)} is no verb`
    if (listAt(rule, 'resourceNames').length > 0 && listAt(rule, 'verbs').includes('create')) yield 'create can\'t be bound to a name'
  }
}

function * bindingFaults (object: unknown): Faults {
  if (at(object, 'roleRef.apiGroup') !== 'rbac.authorization.k8s.io') yield 'roleRef.apiGroup must be rbac.authorization.k8s.io'
  if (!['Role', 'ClusterRole'].includes(String(at(object, 'roleRef.kind')))) yield 'roleRef.kind must be Role or ClusterRole'
  for (const subject of listAt(object, 'subjects')) {
    if (at(subject, 'kind') === 'ServiceAccount' && at(subject, 'namespace') === undefined) yield 'a ServiceAccount needs its namespace'
  }
}

function * mapFaults (object: unknown): Faults {
  const data = entriesOf(at(object, 'data'))
  for (const [key] of data) if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key)) yield `${key} is no key`
  if (data.reduce((sum, [, text]) => sum + Buffer.byteLength(String(text)), 0) > 1_048_576) yield 'it is larger than 1 MiB'
}

/** What an object names and none of them is. Secrets are made by people; the API server makes `kube-root-ca.crt`. */
export function * linkFaults (objects: readonly unknown[]): Faults {
  const has = (kind: string, name: unknown): boolean => objects.some(each => at(each, 'kind') === kind && at(each, 'metadata.name') === name)
  const templates = objects.filter(each => at(each, 'kind') === 'Deployment').map(each => at(each, 'spec.template'))
  const selectsPods = (selector: unknown): boolean => templates.some(template => labelsMatch(selector, at(template, 'metadata.labels')))
  for (const object of objects) {
    const said = `${String(at(object, 'kind'))} ${String(at(object, 'metadata.name'))}`
    switch (at(object, 'kind')) {
      case 'RoleBinding':
        if (!has('Role', at(object, 'roleRef.name'))) yield `${said}: there is no such Role`
        for (const subject of listAt(object, 'subjects')) if (!has('ServiceAccount', at(subject, 'name'))) yield `${said}: there is no such ServiceAccount`
        break
      case 'Service': {
        const selector = at(object, 'spec.selector')
        const names = templates.filter(template => labelsMatch(selector, at(template, 'metadata.labels')))
          .flatMap(template => listAt(template, 'spec.containers').flatMap(each => listAt(each, 'ports').map(port => at(port, 'name'))))
        for (const port of listAt(object, 'spec.ports')) if (!names.includes(at(port, 'targetPort'))) yield `${said}: no pod has the port ${String(at(port, 'targetPort'))}`
        break
      }
      case 'PodDisruptionBudget':
      case 'PodMonitor':
        if (!selectsPods(at(object, 'spec.selector.matchLabels'))) yield `${said}: selects no pods`
        break
      case 'NetworkPolicy':
        if (!selectsPods(at(object, 'spec.podSelector.matchLabels'))) yield `${said}: selects no pods`
        break
      case 'HorizontalPodAutoscaler':
        if (!has('Deployment', at(object, 'spec.scaleTargetRef.name'))) yield `${said}: there is no such Deployment`
        break
      case 'Deployment': {
        const pod = at(object, 'spec.template.spec')
        const account = at(pod, 'serviceAccountName')
        if (account !== undefined && !has('ServiceAccount', account)) yield `${said}: there is no such ServiceAccount`
        for (const volume of listAt(pod, 'volumes')) {
          const map = at(volume, 'configMap.name')
          if (map !== undefined && !has('ConfigMap', map)) yield `${said}: there is no ConfigMap ${String(map)}`
        }
        break
      }
      default:
    }
  }
}
