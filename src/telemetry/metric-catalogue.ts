/**
 * The catalogue of metrics: every family that Weir exposes, once. The collector, docs/metrics.md and the tests read it.
 *
 * Names follow https://prometheus.io/docs/practices/naming/: the prefix `weir_`, base units, `_total` for counters.
 * `process_*` and `nodejs_*` have the names that other Node programs use, so that common dashboards find them.
 */

type MetricType = 'counter' | 'gauge' | 'histogram'

/** Who counts: the workers in shared memory, the control plane's state or events, or the operating system. */
export type MetricSource = 'version counters' | 'worker counters' | 'control plane' | 'process'

/** One family. */
export interface MetricRow {
  readonly type: MetricType
  /** One sentence; the HELP line of the exposition. */
  readonly help: string
  /** Label names in the order of the exposition. `le` of histograms is not listed. */
  readonly labels: readonly string[]
  readonly source: MetricSource
}

const VERSION = ['route', 'version'] as const

export const METRICS = {
  weir_requests_total: { type: 'counter', help: 'Finished requests by status class, Weir\'s own error responses included.', labels: [...VERSION, 'code_class'], source: 'version counters' },
  weir_request_duration_seconds: { type: 'histogram', help: 'Time from the end of a request\'s header to the end of its response.', labels: VERSION, source: 'version counters' },
  weir_requests_in_flight: { type: 'gauge', help: 'Requests that have a version and no complete response yet.', labels: VERSION, source: 'version counters' },
  weir_request_body_bytes_total: { type: 'counter', help: 'Body bytes received from clients, without framing.', labels: VERSION, source: 'version counters' },
  weir_response_body_bytes_total: { type: 'counter', help: 'Body bytes sent to clients, without framing.', labels: VERSION, source: 'version counters' },
  weir_request_errors_total: { type: 'counter', help: 'Failed requests by error code and by who caused the failure; a code is listed from its first failure on.', labels: [...VERSION, 'code', 'source'], source: 'version counters' },
  weir_upstream_connects_total: { type: 'counter', help: 'Connections opened to endpoints.', labels: VERSION, source: 'version counters' },
  weir_upstream_reuses_total: { type: 'counter', help: 'Requests sent on a kept-alive connection.', labels: VERSION, source: 'version counters' },
  weir_upstream_retries_total: { type: 'counter', help: 'Attempts after the first, by what the one before failed of.', labels: [...VERSION, 'reason'], source: 'version counters' },
  weir_upstream_retries_refused_total: { type: 'counter', help: 'Attempts that were not made because the retry budget was used up.', labels: VERSION, source: 'version counters' },
  weir_failovers_total: { type: 'counter', help: 'Requests that another version answered because this one failed.', labels: VERSION, source: 'version counters' },
  weir_requests_held: { type: 'gauge', help: 'Requests that wait for an endpoint of the version.', labels: VERSION, source: 'version counters' },
  weir_ejections_total: { type: 'counter', help: 'Endpoints taken out because they failed, counted once for each worker that did so.', labels: VERSION, source: 'version counters' },
  weir_tunnels_open: { type: 'gauge', help: 'Upgraded client connections (WebSocket and the like) that are open.', labels: VERSION, source: 'version counters' },
  weir_tunnels_total: { type: 'counter', help: 'Client connections that were upgraded.', labels: VERSION, source: 'version counters' },
  weir_fallbacks_total: { type: 'counter', help: 'Requests served by this version because the chosen one had no endpoint.', labels: VERSION, source: 'version counters' },
  weir_turned_away_requests_total: { type: 'counter', help: 'Requests that a route with `filters.clients`, `rateLimit` or `requestRedirect` answered itself: `denied`, `limited`, `redirected`, or `homeless`, which no Location could be made for. `weir_unrouted_requests_total` has them too.', labels: ['route', 'reason'], source: 'version counters' },

  weir_target_weight: { type: 'gauge', help: 'Share of the clients that the split gives to the version, 0 to 1.', labels: VERSION, source: 'control plane' },
  weir_observed_share: { type: 'gauge', help: 'Share of the route\'s finished requests that the version answered in the last 30 seconds, 0 to 1; absent while there were none.', labels: VERSION, source: 'version counters' },
  weir_endpoints: { type: 'gauge', help: 'Endpoints by condition as Kubernetes defines it (ready, serving, terminating) and in total; one endpoint can meet several.', labels: [...VERSION, 'condition'], source: 'control plane' },
  weir_endpoints_available: { type: 'gauge', help: 'Endpoints that may get requests and are neither ejected nor failing an active check, in the worker that finds the fewest.', labels: VERSION, source: 'control plane' },
  weir_endpoint_source_problem: { type: 'gauge', help: '1 while something keeps the version from having endpoints to use: `unsynced`, `no-slices`, `no-port` or `no-endpoints`; or while a version that comes first has pods that it selects too: `pods-of-two`; absent otherwise.', labels: [...VERSION, 'problem'], source: 'control plane' },
  weir_endpoint_source_age_seconds: { type: 'gauge', help: 'Time since the source of the endpoints last knew them to be current; absent for static lists and before the first list.', labels: VERSION, source: 'control plane' },
  weir_panic: { type: 'gauge', help: 'Workers that use all endpoints of the version because too few are available.', labels: VERSION, source: 'control plane' },
  weir_health_checks_total: { type: 'counter', help: 'Active checks of endpoints by result, `pass` or `fail`.', labels: [...VERSION, 'result'], source: 'control plane' },
  weir_route_epoch: { type: 'gauge', help: 'Number of the route\'s traffic state in the control plane.', labels: ['route'], source: 'control plane' },
  weir_list_members: { type: 'gauge', help: 'Members of a list of the route, as this replica knows them.', labels: ['route', 'list'], source: 'control plane' },
  weir_epoch_applied: { type: 'gauge', help: 'Number of the route\'s traffic state that the worker uses.', labels: ['route', 'worker'], source: 'control plane' },

  weir_rollout_phase: { type: 'gauge', help: 'Always 1; the label is the phase of the rollout that the route has, or had last: `Progressing`, `Paused`, `Healthy`, `Degraded` or `Aborted`.', labels: ['route', 'phase'], source: 'control plane' },
  weir_rollout_step: { type: 'gauge', help: 'The step of the rollout, from 0; the number of its steps while the new version is watched behind the last one, and when it is over.', labels: ['route'], source: 'control plane' },
  weir_rollout_weight: { type: 'gauge', help: 'What the rollout gives its new version of what both versions have, 0 to 1.', labels: ['route'], source: 'control plane' },
  weir_rollout_evidence: { type: 'gauge', help: 'How much likelier what was seen is if the new version is worse, by test: `errors` and `slow` by client, `pairs` of failovers, `copies` of a mirror, and `sentinel`, which compares one version with itself. Only while the rollout runs.', labels: ['route', 'test'], source: 'control plane' },
  weir_rollout_verdict: { type: 'gauge', help: 'Always 1; the label is what is thought of the new version now, or was when the rollout ended: `pass`, `fail` or `undecided`.', labels: ['route', 'verdict'], source: 'control plane' },
  weir_rollout_pending: { type: 'gauge', help: '1 while something of the rollout can\'t be stored: a fail or an abort is in force all the same, a step waits.', labels: ['route'], source: 'control plane' },
  weir_rollout_steps_total: { type: 'counter', help: 'Steps that rollouts have gone on by, as far as this replica has seen.', labels: [], source: 'control plane' },
  weir_rollout_aborts_total: { type: 'counter', help: 'Rollouts whose weights were put back, by the rule that has failed them, or `person` or `config`, as far as this replica has seen.', labels: ['cause'], source: 'control plane' },

  weir_unrouted_requests_total: { type: 'counter', help: 'Requests answered before a version was chosen, by status class.', labels: ['code_class'], source: 'worker counters' },
  weir_unrouted_errors_total: { type: 'counter', help: 'Failures before a version was chosen, by error code and by who caused them; a code is listed from its first failure on.', labels: ['code', 'source'], source: 'worker counters' },
  weir_connections_accepted_total: { type: 'counter', help: 'Client connections accepted.', labels: ['worker'], source: 'worker counters' },
  weir_connections_refused_total: { type: 'counter', help: 'Client connections closed at once: a limit of the worker, the listener or the client is met, the worker has its share of descriptors, or the system is out of them.', labels: ['worker', 'reason'], source: 'worker counters' },
  weir_connections_closed_total: { type: 'counter', help: 'Client connections that Weir closed before or between requests, by reason.', labels: ['worker', 'reason'], source: 'worker counters' },
  weir_tls_handshakes_total: { type: 'counter', help: 'TLS handshakes with clients that were completed.', labels: ['worker'], source: 'worker counters' },
  weir_tls_resumptions_total: { type: 'counter', help: 'TLS handshakes with clients that resumed a session.', labels: ['worker'], source: 'worker counters' },
  weir_connections_open: { type: 'gauge', help: 'Client connections open.', labels: ['worker'], source: 'worker counters' },
  weir_upstream_connections_open: { type: 'gauge', help: 'Connections to endpoints open, idle ones included.', labels: ['worker'], source: 'worker counters' },
  weir_upstream_connections_idle: { type: 'gauge', help: 'Connections to endpoints kept idle for later requests.', labels: ['worker'], source: 'worker counters' },
  weir_buffered_bytes: { type: 'gauge', help: 'Memory that the worker keeps for its clients and endpoints: what was sent ahead or in part, waits for a slow reader, or is kept for a repeat.', labels: ['worker'], source: 'worker counters' },
  weir_buffered_bytes_limit: { type: 'gauge', help: 'What the worker may keep for its clients and endpoints: `limits.maxBufferedBytes`, or its default.', labels: ['worker'], source: 'worker counters' },
  weir_memory_refused_requests_total: { type: 'counter', help: 'Requests refused with `memory_exhausted` because three quarters of what the worker may keep was in use.', labels: ['worker'], source: 'worker counters' },
  weir_memory_closed_connections_total: { type: 'counter', help: 'Client connections ended because the worker kept more than it may.', labels: ['worker'], source: 'worker counters' },
  weir_access_log_dropped_total: { type: 'counter', help: 'Access log lines dropped, in the workers because the control plane lagged, in the writer because the file or pipe failed or lagged.', labels: ['stage'], source: 'worker counters' },
  weir_event_loop_lag_seconds: { type: 'gauge', help: 'How late the last periodic tick of the thread was.', labels: ['thread'], source: 'worker counters' },
  weir_event_loop_lag_max_seconds: { type: 'gauge', help: 'How late the latest periodic tick was since the thread started.', labels: ['thread'], source: 'worker counters' },
  weir_event_loop_utilization_ratio: { type: 'gauge', help: 'Share of the time between the last two periodic ticks that the thread\'s event loop was busy, 0 to 1.', labels: ['thread'], source: 'worker counters' },

  weir_workers: { type: 'gauge', help: 'Worker threads running.', labels: [], source: 'control plane' },
  weir_worker_restarts_total: { type: 'counter', help: 'Worker threads that died and were replaced.', labels: [], source: 'control plane' },
  weir_shadow_requests_total: { type: 'counter', help: 'Copies of requests that a version got, by what came of them: `same` as the real answer, what differs first (`status`, `headers`, `body`), what the copy failed of, or `uncompared`.', labels: [...VERSION, 'outcome'], source: 'control plane' },
  weir_shadow_dropped_total: { type: 'counter', help: 'Requests that were drawn for a copy and not copied, by reason.', labels: [...VERSION, 'reason'], source: 'control plane' },
  weir_shadow_first_byte_seconds: { type: 'histogram', help: 'Time to the first byte of the answers that were compared, without opening a connection: `real`, and `shadow`.', labels: [...VERSION, 'side'], source: 'control plane' },
  weir_config_reloads_total: { type: 'counter', help: 'Reloads of the configuration; a failure keeps the last good one.', labels: ['result'], source: 'control plane' },
  weir_config_last_reload_successful: { type: 'gauge', help: '1 when the last load or reload of the configuration succeeded, 0 when it failed.', labels: [], source: 'control plane' },
  weir_config_last_reload_success_timestamp_seconds: { type: 'gauge', help: 'When the configuration in use was loaded, in seconds since the Unix epoch.', labels: [], source: 'control plane' },
  weir_certificate_expiry_timestamp_seconds: { type: 'gauge', help: 'When the certificate of a listener expires, in seconds since the Unix epoch; `certificate` is its file.', labels: ['listener', 'certificate'], source: 'control plane' },
  weir_certificate_reloads_total: { type: 'counter', help: 'Certificates and client authorities of listeners read again after a change; a failure keeps the last good one.', labels: ['result'], source: 'control plane' },
  weir_watch_restarts_total: { type: 'counter', help: 'Watches of the Kubernetes API that ended and were started again, by namespace and reason.', labels: ['namespace', 'reason'], source: 'control plane' },
  weir_state_store_up: { type: 'gauge', help: '1 while the store of the weights, and that of the lists if there are any, can be read and written, as far as is known; 0 while one is away, holds what can\'t be used, or may not be changed.', labels: ['store'], source: 'control plane' },
  weir_state_refused_total: { type: 'counter', help: 'Contents of the shared state that were not taken over: `invalid`, or of a `newer` Weir.', labels: ['reason'], source: 'control plane' },
  weir_lease_holder: { type: 'gauge', help: '1 while this replica does what is done once for all replicas, 0 while it does not; only with `state.store: kubernetes`.', labels: [], source: 'control plane' },
  weir_lease_transitions_total: { type: 'counter', help: 'How often this replica has `gained` the Lease and `lost` it.', labels: ['change'], source: 'control plane' },
  weir_replicas: { type: 'gauge', help: 'Replicas of this Weir that it knows, itself included: `ready`, `not-ready` as their EndpointSlice says, or `silent`, which give no answer that can be believed. Only with `replicas.service`.', labels: ['state'], source: 'control plane' },
  weir_replica_epoch_lag: { type: 'gauge', help: 'Changes of weights that not all workers of a replica apply, of the route in which it is farthest behind. Only with `replicas.service`.', labels: ['replica'], source: 'control plane' },
  weir_webhook_events_total: { type: 'counter', help: 'Events for a webhook by what became of them: `delivered`, `refused` by the receiver, `expired` because it did not take them in time, or `dropped` because too many waited.', labels: ['webhook', 'outcome'], source: 'control plane' },
  weir_webhook_retries_total: { type: 'counter', help: 'Tries to deliver an event that failed and were followed by another one.', labels: ['webhook'], source: 'control plane' },
  weir_webhook_queued_events: { type: 'gauge', help: 'Events that wait for a webhook, the one that is being posted among them.', labels: ['webhook'], source: 'control plane' },
  weir_webhook_last_success_timestamp_seconds: { type: 'gauge', help: 'When the webhook last took an event, in seconds since the Unix epoch; absent until it has.', labels: ['webhook'], source: 'control plane' },
  weir_build_info: { type: 'gauge', help: 'Always 1; the labels carry the versions of Weir and Node, and how connections are read and written: `direct`, or `events`, which costs far more CPU; `unknown` until a worker has decided.', labels: ['version', 'node', 'io'], source: 'control plane' },

  process_cpu_user_seconds_total: { type: 'counter', help: 'CPU time of the process in user mode, all threads.', labels: [], source: 'process' },
  process_cpu_system_seconds_total: { type: 'counter', help: 'CPU time of the process in the kernel, all threads.', labels: [], source: 'process' },
  process_cpu_seconds_total: { type: 'counter', help: 'CPU time of the process, all threads.', labels: [], source: 'process' },
  process_start_time_seconds: { type: 'gauge', help: 'When the process started, in seconds since the Unix epoch.', labels: [], source: 'process' },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory of the process, all threads.', labels: [], source: 'process' },
  process_open_fds: { type: 'gauge', help: 'Open file descriptors; Linux only.', labels: [], source: 'process' },
  process_max_fds: { type: 'gauge', help: 'The soft limit of open file descriptors; Linux only, absent when unlimited.', labels: [], source: 'process' },
  nodejs_heap_size_total_bytes: { type: 'gauge', help: 'JavaScript heap of the control plane\'s thread.', labels: [], source: 'process' },
  nodejs_heap_size_used_bytes: { type: 'gauge', help: 'JavaScript heap in use in the control plane\'s thread.', labels: [], source: 'process' },
  nodejs_external_memory_bytes: { type: 'gauge', help: 'Memory outside the heap that objects of the control plane\'s thread hold.', labels: [], source: 'process' }
} as const satisfies Record<string, MetricRow>

/** The name of a family. */
export type MetricName = keyof typeof METRICS

/** All names in the table's order. */
export const METRIC_NAMES: readonly MetricName[] = Object.keys(METRICS) as MetricName[] // keyof of a const object: exact

/** Looks up the row of a family. */
export function metricRow (name: MetricName): MetricRow {
  return METRICS[name]
}
