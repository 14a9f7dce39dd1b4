/**
 * How several lines of one field are read as one value (RFC 9110 section 5.3).
 */

/** Fields of requests that are no lists. Of several lines the first counts, as for most origins. */
const SINGLE: ReadonlySet<string> = new Set([
  'access-control-request-method', 'authorization', 'content-length', 'content-location', 'content-range', 'content-type', 'date', 'dnt',
  'from', 'host', 'if-modified-since', 'if-range', 'if-unmodified-since', 'last-modified', 'max-forwards', 'origin', 'proxy-authorization',
  'range', 'referer', 'sec-fetch-dest', 'sec-fetch-mode', 'sec-fetch-site', 'sec-fetch-user', 'sec-gpc', 'sec-websocket-key',
  'upgrade-insecure-requests', 'user-agent', 'x-real-ip', 'x-request-id'
])

/**
 * What stands between the values of two lines of a field. The lines of Cookie, one for each cookie as fronts that speak HTTP/2 send them,
 * are joined as RFC 9113 section 8.2.3 says. A field that nobody has defined here is taken for a list.
 * @returns undefined when the field is no list: its first line is its value
 */
export function lineSeparator (lowerName: string): string | undefined {
  if (lowerName === 'cookie') return '; '
  return SINGLE.has(lowerName) ? undefined : ', '
}
