import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { buildOverlay } from './kustomize.ts'
import { at, DEPLOY, findObject, listAt } from './manifests.ts'

const objects = buildOverlay('overlays/monitoring')
const rules = listAt(at(findObject(objects, 'PrometheusRule', 'weir'), 'spec.groups.0'), 'rules')
const pod = at(findObject(objects, 'Deployment', 'weir'), 'spec.template')

t.test('Prometheus finds the admin port of the pods, and has the token of the viewer', async t => {
  const monitor = at(findObject(objects, 'PodMonitor', 'weir'), 'spec')
  const [endpoint] = listAt(monitor, 'podMetricsEndpoints')
  t.same(at(monitor, 'selector.matchLabels'), at(pod, 'metadata.labels'))
  t.match(endpoint, { port: 'admin', path: '/metrics', authorization: { type: 'Bearer', credentials: { key: 'viewer' } } })
  const secret = listAt(pod, 'spec.volumes').find(volume => at(volume, 'name') === 'tokens')
  t.equal(at(endpoint, 'authorization.credentials.name'), at(secret, 'secret.secretName'))
})

t.test('the network lets in the Prometheus of one namespace, and only to the admin port', async t => {
  const policy = at(findObject(objects, 'NetworkPolicy', 'weir-monitoring'), 'spec')
  t.same(listAt(policy, 'ingress'), [{
    from: [{
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } },
      podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } }
    }],
    ports: [{ port: 'admin' }]
  }])
})

t.test('every alert asks for metrics and labels that there are', async t => {
  const page = readFileSync(path.join(DEPLOY, '../docs/metrics.md'), 'utf8')
  const labelsOf = new Map([...page.matchAll(/^\| `(\w+)` \| (?:counter|gauge|histogram) \| ([^|]*)\|/gm)]
    .map(([, name = '', labels = '']) => [name, [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label)] as const))
  for (const rule of rules) {
    const name = String(at(rule, 'alert'))
    const metrics = [...new Set(String(at(rule, 'expr')).match(/weir_\w+/g))]
    t.not(metrics.length, 0)
    for (const metric of metrics) t.ok(labelsOf.has(metric), `${name}: ${metric}`)
    const known = ['job', 'instance', 'namespace', ...metrics.flatMap(metric => labelsOf.get(metric) ?? [])]
    const texts = ['summary', 'description'].map(key => String(at(rule, `annotations.${key}`)))
    for (const [, label] of texts.join(' ').matchAll(/\$labels\.(\w+)/g)) t.ok(known.includes(label), `${name}: ${String(label)}`)
    t.ok(texts.every(text => text.length > 20 && text !== 'undefined'), `${name} says what it means`)
    t.ok(['critical', 'warning'].includes(String(at(rule, 'labels.severity'))), name)
  }
  t.equal(new Set(rules.map(rule => at(rule, 'alert'))).size, rules.length)
})

/** For each alert the series that are as they should be, and as they should not, over an hour and by the minute. */
const CASES: Readonly<Record<string, ReadonlyArray<readonly [series: string, good: string, bad: string]>>> = {
  WeirVersionWithoutEndpoints: [
    ['weir_endpoints{route="a",version="b",condition="ready"}', '2x60', '0x60'], ['weir_target_weight{route="a",version="b"}', '0.5x60', '0.5x60']
  ],
  WeirErrors: [
    ['weir_requests_total{route="a",version="b",code_class="5xx"}', '0+1x60', '0+9x60'], ['weir_requests_total{route="a",version="b",code_class="2xx"}', '0+91x60', '0+91x60']
  ],
  WeirRolloutFailed: [['weir_rollout_phase{namespace="n",route="a",phase="Degraded"}', '1x60', '_x50 1x10']],
  WeirRolloutNotStored: [['weir_rollout_pending{route="a"}', '0x60', '1x60']],
  WeirPanic: [['weir_panic{route="a",version="b"}', '0x60', '2x60']],
  WeirWeightsNotApplied: [['weir_route_epoch{route="a"}', '7x60', '8x60'], ['weir_epoch_applied{route="a",worker="1"}', '7x60', '7x60']],
  WeirStateStoreDown: [['weir_state_store_up{store="kubernetes"}', '1x60', '0x60']],
  WeirStateRefused: [['weir_state_refused_total{reason="invalid"}', '1x60', '0+1x60']],
  WeirNobodyHoldsLease: [['weir_lease_holder{namespace="n"}', '1x60', '0x60']],
  WeirReplicaLags: [['weir_replica_epoch_lag{namespace="n",replica="r"}', '0x60', '2x60']],
  WeirReplicaSilent: [['weir_replicas{namespace="n",state="silent"}', '0x60', '1x60']],
  WeirEndpointsStale: [['weir_endpoint_source_age_seconds{route="a",version="b"}', '61x60', '301x60']],
  WeirEndpointSourceProblem: [['weir_endpoint_source_problem{route="a",version="b",problem="unsynced"}', '_x60', '1x60']],
  WeirWorkersDie: [['weir_worker_restarts_total', '3x60', '0+1x60']],
  WeirConfigRefused: [['weir_config_last_reload_successful', '1x60', '0x60']],
  WeirCertificateExpires: [['weir_certificate_expiry_timestamp_seconds{listener="s",certificate="c"}', '700000x60', '500000x60']],
  WeirOutOfMemory: [['weir_memory_refused_requests_total{worker="0"}', '5x60', '0+1x60']],
  WeirThreadBusy: [['weir_event_loop_utilization_ratio{thread="control"}', '0.5x60', '0.95x60']]
}

/** What promtool says of the alerts when the series are good or bad. */
async function evaluate (directory: string, quality: 1 | 2): Promise<{ readonly status: number | null, readonly said: string }> {
  const withInstance = (series: string): string => series.includes('{') ? series.replace('}', ',job="weir",instance="i"}') : `${series}{job="weir",instance="i"}`
  await writeFile(path.join(directory, 'rules.json'), JSON.stringify({ groups: at(findObject(objects, 'PrometheusRule', 'weir'), 'spec.groups') }))
  await writeFile(path.join(directory, 'test.json'), JSON.stringify({
    rule_files: ['rules.json'],
    evaluation_interval: '1m',
    tests: [{
      interval: '1m',
      input_series: Object.values(CASES).flat().map(each => ({ series: withInstance(each[0]), values: each[quality] })),
      promql_expr_test: [{
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: '60m',
        exp_samples: quality === 1 ? [] : Object.keys(CASES).map(alertname => ({ labels: `{alertname="${alertname}"}`, value: 1 }))
      }]
    }]
  }))
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', path.join(directory, 'test.json')], { encoding: 'utf8', env: childEnvironment() })
  return { status, said: stdout + stderr }
}

const promtool = spawnSync('promtool', ['--version'], { env: childEnvironment() }).error === undefined

t.test('every alert fires for what it is about, and none does when all is well', { skip: promtool ? false : 'promtool is not there (Debian has it in the package prometheus)' }, async t => {
  t.same(Object.keys(CASES), rules.map(rule => at(rule, 'alert')), 'each has a case')
  const directory = t.testdir()
  for (const quality of [1, 2] as const) {
    const { status, said } = await evaluate(directory, quality)
    t.equal(status, 0, said)
  }
})
