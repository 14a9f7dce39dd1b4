import { METRIC_NAMES, metricRow, type MetricName, type MetricSource } from '../../src/telemetry/metric-catalogue.ts'
import { LATENCY_BOUNDS_S } from '../../src/telemetry/counter-layout.ts'
import type { Generator } from './generator.ts'

const SECTIONS: ReadonlyArray<readonly [title: string, source: MetricSource, text: string]> = [
  ['Routes and versions', 'version counters', 'Counted by the workers for each version of each route. The values are sums over all workers and do not go back when a worker is replaced. A version that was removed is no longer listed; if it returns within a minute, its counters go on, later they may start again at 0.'],
  ['State of the control plane', 'control plane', 'What the control plane wants, what the workers have applied, and events of the control plane.'],
  ['Workers', 'worker counters', 'Counted by each worker as a whole. `worker` is the place of the worker, from 0; a replacement takes the place of the worker that died, and its counters go on. `thread` is `control` or `worker-N`.'],
  ['Process', 'process', 'The whole process, under the names that other Node programs use.']
]

const HEAD = `# Metrics

<!-- Generated from src/telemetry/metric-catalogue.ts by \`npm run generate\`. Do not edit. -->

Weir serves its metrics at \`GET /metrics\` on the admin address, in the Prometheus text format 0.0.4. Everything is read at
the time of the scrape; proxying a request costs a few additions in shared memory, whether or not anyone scrapes.

Nothing is exposed that is not listed here.
`

const LABELS = `## Labels

| label | values |
|---|---|
| \`route\`, \`version\` | the names in the configuration |
| \`code_class\` | \`1xx\` \`2xx\` \`3xx\` \`4xx\` \`5xx\`; a client that went away counts as 499, so \`4xx\` |
| \`code\` | an error code, see [errors](errors.md) |
| \`source\` | who caused the failure: \`downstream\` (the client), \`upstream\` (an endpoint) or \`weir\` |
| \`condition\` | \`ready\` \`serving\` \`terminating\` \`total\` |
| \`worker\` | the place of a worker, from 0 |
| \`thread\` | \`control\`, \`worker-0\`, \`worker-1\`, … |
| \`stage\` | where an access log line was dropped: \`worker\` or \`writer\` |
| \`result\` | \`success\` or \`failure\` of a reload; \`pass\` or \`fail\` of an active check |
| \`namespace\` | the Kubernetes namespace that is watched |
| \`reason\` | of attempts \`connect\` \`reset\` \`502\` \`503\` \`504\`; of refused connections \`worker_limit\` \`listener_limit\` \`client_limit\` \`system\`; of closed ones \`first_byte_timeout\` \`keep_alive_timeout\` \`max_requests\` \`proxy_header\` \`tls_handshake\` \`login_ended\`; why a watch ended, in one word |
| \`listener\`, \`certificate\` | the name of the listener, and the file of its certificate |

The buckets of \`weir_request_duration_seconds\` end at ${LATENCY_BOUNDS_S.join(', ')} seconds and +Inf.
`

/** Queries as people ask them; a test checks that each names only metrics of the catalogue. */
const QUERIES: ReadonlyArray<readonly [question: string, query: string]> = [
  ['Which share of the requests of each version fails with 5xx?', `sum by (route, version) (rate(weir_requests_total{code_class="5xx"}[5m]))
  / sum by (route, version) (rate(weir_requests_total[5m]))`],
  ['How many failures a second does each version\'s endpoints cause, by code?', 'sum by (route, version, code) (rate(weir_request_errors_total{source="upstream"}[5m]))'],
  ['What is the 99th percentile of the latency of each version?', `histogram_quantile(0.99,
  sum by (route, version, le) (rate(weir_request_duration_seconds_bucket[5m])))`],
  ['How far is the observed share from the target? Sticky clients are not all equally busy, so some distance is normal.', 'weir_observed_share - weir_target_weight'],
  ['Which versions should get traffic and have no ready endpoint?', `weir_endpoints{condition="ready"} == 0
  and on (job, instance, route, version) weir_target_weight > 0`],
  ['Which versions have endpoints that Weir has taken out?', 'weir_endpoints{condition="ready"} - ignoring(condition) weir_endpoints_available > 0'],
  ['Does a worker use all endpoints of a version, because too few are available?', 'weir_panic > 0'],
  ['Which clients are served by another version than the split says?', 'sum by (route, version) (rate(weir_fallbacks_total[5m])) > 0'],
  ['Which workers have not applied the latest weights?', 'weir_route_epoch - on (job, instance, route) group_right weir_epoch_applied > 0'],
  ['Did workers die?', 'increase(weir_worker_restarts_total[15m]) > 0'],
  ['Is the configuration in use older than the file?', 'weir_config_last_reload_successful == 0'],
  ['Does the Kubernetes watch break often? Some restarts an hour are normal: the API server ends watches by itself.', 'sum by (namespace, reason) (increase(weir_watch_restarts_total[1h]))'],
  ['How well are connections to endpoints reused?', `sum by (route, version) (rate(weir_upstream_reuses_total[5m]))
  / (sum by (route, version) (rate(weir_upstream_reuses_total[5m]))
   + sum by (route, version) (rate(weir_upstream_connects_total[5m])))`],
  ['Is a thread short of CPU?', 'weir_event_loop_utilization_ratio > 0.9']
]

const NOTES = `\`rate\` sees nothing of the first increase of a series that did not exist before. Series of
\`weir_request_errors_total\`, \`weir_unrouted_errors_total\` and \`weir_watch_restarts_total\` begin with their first event; the
other counters are there from the start, at 0. \`weir_observed_share\` is absent while a route has no traffic.

\`job\` and \`instance\` are the labels by which Prometheus tells one Weir from another: what is compared with each other has to come from the same one.
A test evaluates every expression over two instances.
`

/** docs/metrics.md: the catalogue of metrics for operators. */
export const metricsDoc: Generator = {
  path: 'docs/metrics.md',
  content () {
    const sections = SECTIONS.map(([title, source, text]) => `## ${title}\n\n${text}\n\n${table(source)}`)
    const queries = QUERIES.map(([question, query]) => `${question}\n\n\`\`\`promql\n${query}\n\`\`\`\n`)
    return [HEAD, ...sections, LABELS, `## Questions in PromQL\n\n${NOTES}`, ...queries].join('\n')
  }
}

function table (source: MetricSource): string {
  const names = METRIC_NAMES.filter(name => metricRow(name).source === source)
  return `| metric | type | labels | meaning |\n|---|---|---|---|\n${names.map(tableLine).join('')}`
}

function tableLine (name: MetricName): string {
  const { type, labels, help } = metricRow(name)
  return `| \`${name}\` | ${type} | ${labels.map(label => `\`${label}\``).join(' ')} | ${help.replaceAll('|', '\\|')} |\n`
}
