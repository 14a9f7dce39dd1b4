/**
 * The one table of everything that can go wrong with a proxied request.
 *
 * A failure is classified once, at the place where the facts are known, by naming a code of this table. Everything that
 * follows (the response, the retry decision, metrics, the access log, docs/errors.md) reads the row.
 */

/**
 * The index of each name, as numbers in a row.
 * @param names each once
 * @param first the index of the first one
 */
export function indexByName<Name extends string | number> (names: readonly Name[], first = 0): Readonly<Record<Name, number>> {
  // Object.fromEntries types its result by any string.
  return Object.fromEntries(names.map((name, index) => [name, first + index])) as Record<Name, number>
}

/** Who caused the failure. `downstream` is the client, `upstream` an endpoint, `weir` this proxy or its configuration. */
export type ErrorSource = 'downstream' | 'upstream' | 'weir'

/**
 * When another attempt may be made: `never`; `unsent` = no byte of the request reached an endpoint, so any method may be
 * repeated; `idempotent` = something may have been sent, so only idempotent methods may (RFC 9110 section 9.2.2); `listed` = as
 * `idempotent`, and only if the route lists the status of the row under `retries.on`, which calls an `unsent` one `connect`
 * and an `idempotent` one `reset`. src/exchange/next-step.ts has the whole rule.
 */
type RetryRule = 'never' | 'unsent' | 'idempotent' | 'listed'

/** One row of the table. */
export interface ProxyErrorRow {
  /** The status of the response, if a response can still be sent. 499 is never sent: the client has gone. */
  readonly status: number
  readonly source: ErrorSource
  readonly retry: RetryRule
  /** Does the failure count against the endpoint's health? */
  readonly blamesEndpoint: boolean
  /** The connection to the client can't be kept: what follows on it can't be trusted or was not read. */
  readonly closes: boolean
  /** One sentence for the client. It never carries details of the inside. */
  readonly title: string
  /** What an operator should look at; printed in docs/errors.md. */
  readonly remedy: string
}

export const PROXY_ERRORS = {
  malformed_request: { status: 400, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'The request is not valid HTTP/1.1', remedy: 'Fix the client. The access log names the fault found (RFC 9112).' },
  malformed_body: { status: 400, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'The body of the request is not framed as RFC 9112 demands', remedy: 'Fix the client: its chunked coding is broken.' },
  client_denied: { status: 403, source: 'weir', retry: 'never', blamesEndpoint: false, closes: false, title: 'The client may not use this route', remedy: 'routes[].filters.clients says which networks may. Behind other proxies, look at clientIp.trustedProxies: is the address in the access log the one of the client?' },
  no_route: { status: 404, source: 'weir', retry: 'never', blamesEndpoint: false, closes: false, title: 'No route matches this request', remedy: 'Compare host, path, method and headers with routes[].match; `GET /v1/routes` lists what is loaded.' },
  method_not_supported: { status: 405, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'The method is not supported', remedy: 'Weir is a gateway, not a forward proxy: it refuses CONNECT, and TRACE whose Max-Forwards ends here.' },
  request_timeout: { status: 408, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'The request did not arrive in time', remedy: 'The client was too slow: timeouts.requestHead or timeouts.requestBody.' },
  body_too_slow: { status: 408, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'The body of the request came too slowly', remedy: 'The client kept below limits.minBodyRate.' },
  body_too_large: { status: 413, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'The body of the request is too large', remedy: 'Raise limits.maxBodyBytes, or maxBodyBytes of the route, if such bodies are wanted.' },
  uri_too_long: { status: 414, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'The request target is too long', remedy: 'Raise limits.maxUriBytes if such targets are wanted.' },
  expectation_failed: { status: 417, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'The expectation is not supported', remedy: 'The only expectation of HTTP is 100-continue (RFC 9110 section 10.1.1).' },
  rate_limited: { status: 429, source: 'weir', retry: 'never', blamesEndpoint: false, closes: false, title: 'The client sends more requests than it may', remedy: 'routes[].filters.rateLimit. Clients behind one address share it: tell them apart by a header or cookie, or raise the rate.' },
  head_too_large: { status: 431, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'The header of the request is too large', remedy: 'Raise limits.maxHeadBytes or limits.maxHeaderFields if such headers are wanted.' },
  client_gone: { status: 499, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'The client closed the connection before its answer was complete', remedy: 'Nothing; many of them point at answers slower than the clients\' patience.' },
  internal_error: { status: 500, source: 'weir', retry: 'never', blamesEndpoint: false, closes: true, title: 'Weir failed to handle the request', remedy: 'A defect of Weir: the log has the stack. Please report it.' },
  transfer_coding_not_supported: { status: 501, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'Only the chunked transfer coding is supported', remedy: 'Fix the client: it sent a Transfer-Encoding other than chunked (RFC 9112 section 6.1).' },
  upstream_connect_failed: { status: 502, source: 'upstream', retry: 'unsent', blamesEndpoint: true, closes: false, title: 'The endpoint refused the connection', remedy: 'Is the pod listening on the endpoint\'s port? Does a network policy stop Weir?' },
  upstream_tls_failed: { status: 502, source: 'upstream', retry: 'unsent', blamesEndpoint: true, closes: false, title: 'No secure connection to the endpoint could be made', remedy: 'The access log names the fault found. A certificate: compare it with tls.ca and tls.serverName of the version, and look at its dates. A protocol error: does the port speak TLS?' },
  upstream_reset: { status: 502, source: 'upstream', retry: 'idempotent', blamesEndpoint: true, closes: false, title: 'The endpoint closed the connection before it answered', remedy: 'The pod died or closed a kept-alive connection; compare its keep-alive timeout with timeouts.upstreamIdle.' },
  upstream_malformed: { status: 502, source: 'upstream', retry: 'listed', blamesEndpoint: true, closes: false, title: 'The endpoint\'s answer is not valid HTTP/1.1', remedy: 'Fix the origin. The access log names the fault found (RFC 9112).' },
  upstream_truncated: { status: 502, source: 'upstream', retry: 'never', blamesEndpoint: true, closes: true, title: 'The endpoint\'s answer ended before it was complete', remedy: 'The pod died in mid-answer. The client saw an incomplete response.' },
  no_endpoint: { status: 503, source: 'weir', retry: 'never', blamesEndpoint: false, closes: false, title: 'No endpoint is available for this request', remedy: 'Are the pods ready? `GET /v1/routes/{route}` shows endpoints and conditions.' },
  circuit_open: { status: 503, source: 'weir', retry: 'never', blamesEndpoint: false, closes: false, title: 'The version has all the requests that it may have', remedy: 'routes[].circuitBreaker; add pods, or raise the limits if the pods can take more.' },
  hold_full: { status: 503, source: 'weir', retry: 'never', blamesEndpoint: false, closes: false, title: 'Too many requests wait for an endpoint', remedy: 'Are the pods coming up? routes[].hold says how many may wait.' },
  hold_timeout: { status: 503, source: 'weir', retry: 'never', blamesEndpoint: false, closes: false, title: 'No endpoint became available in time', remedy: 'Are the pods coming up? routes[].hold says how long a request may wait.' },
  overloaded: { status: 503, source: 'weir', retry: 'never', blamesEndpoint: false, closes: false, title: 'Too many requests are in flight', remedy: 'Add workers or replicas, or raise limits.maxConcurrentRequests.' },
  memory_exhausted: { status: 503, source: 'weir', retry: 'never', blamesEndpoint: false, closes: true, title: 'Too much is kept for slow clients and endpoints', remedy: 'Look at weir_buffered_bytes: who does not read, or sends faster than it is read? Raise limits.maxBufferedBytes if there is memory for it, or add replicas.' },
  connections_exhausted: { status: 503, source: 'weir', retry: 'never', blamesEndpoint: false, closes: false, title: 'No further connection to an endpoint can be opened', remedy: 'Weir is out of descriptors, memory or ports; the access log names the error. Raise the limit of open files (ulimit -n, LimitNOFILE), lower limits.maxConnections, or add replicas.' },
  shutting_down: { status: 503, source: 'weir', retry: 'never', blamesEndpoint: false, closes: true, title: 'Weir is shutting down', remedy: 'The request was not answered before drain.timeout was over. Raise it, and the time that the supervisor leaves, if requests take so long.' },
  upstream_connect_timeout: { status: 504, source: 'upstream', retry: 'unsent', blamesEndpoint: true, closes: false, title: 'The endpoint did not accept the connection in time', remedy: 'timeouts.upstreamConnect; is the pod\'s node reachable?' },
  upstream_timeout: { status: 504, source: 'upstream', retry: 'listed', blamesEndpoint: true, closes: false, title: 'The endpoint did not answer in time', remedy: 'timeouts.upstreamResponse; look at the pod\'s latency.' },
  tunnel_drained: { status: 503, source: 'weir', retry: 'never', blamesEndpoint: false, closes: true, title: 'The endpoint of the upgraded connection is going', remedy: 'The pod was terminating or gone for as long as drain.tunnels; clients should connect again.' },
  tunnel_idle: { status: 504, source: 'upstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'Nothing came through the upgraded connection', remedy: 'timeouts.tunnelIdle; let client or origin send pings.' },
  upstream_idle_timeout: { status: 504, source: 'upstream', retry: 'never', blamesEndpoint: true, closes: true, title: 'The endpoint stopped sending in mid-answer', remedy: 'timeouts.streamIdle; raise it for long polls and event streams.' },
  version_not_supported: { status: 505, source: 'downstream', retry: 'never', blamesEndpoint: false, closes: true, title: 'Only HTTP/1.0 and HTTP/1.1 are supported', remedy: 'Fix the client: it spoke another protocol on a plain HTTP/1 port.' },
  loop_detected: { status: 508, source: 'weir', retry: 'never', blamesEndpoint: false, closes: false, title: 'The request has come through this proxy before', remedy: 'An endpoint leads back to Weir: look at the endpoints of the route, and at Services and load balancers behind them that lead here. An application that calls others through Weir must not copy Via into its calls; limits.maxPasses lets it.' }
} as const satisfies Record<string, ProxyErrorRow>

/** The name of a row: what the response's body, metrics and access log carry. */
export type ProxyErrorCode = keyof typeof PROXY_ERRORS

/** All codes in the table's order. The position of a code is its index in the shared counters. */
export const PROXY_ERROR_CODES: readonly ProxyErrorCode[] = Object.keys(PROXY_ERRORS) as ProxyErrorCode[]

/** The place of each code in PROXY_ERROR_CODES. */
export const PROXY_ERROR_INDEX: Readonly<Record<ProxyErrorCode, number>> = indexByName(PROXY_ERROR_CODES)

/** Looks up the row of a code. */
export function proxyErrorRow (code: ProxyErrorCode): ProxyErrorRow {
  return PROXY_ERRORS[code]
}
