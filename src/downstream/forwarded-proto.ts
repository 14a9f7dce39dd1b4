/** What X-Forwarded-Proto may say. Some proxies write `ws` and `wss` for the handshake of a WebSocket. */
const SCHEME = /^[ \t]*(https?|wss?)[ \t]*$/i

/**
 * The scheme that the client has used, as a trusted proxy tells it. Proxies in a row make a list, the client's side first: its first
 * member is what the client knows, whatever the proxies speak among themselves. Origins compare the whole value, so they get that
 * member alone. Members that are no scheme say nothing.
 * @param claimed the value of X-Forwarded-Proto, several lines joined by commas
 * @param own the scheme of the connection to Weir
 */
export function forwardedProto (claimed: string | undefined, own: string): string {
  if (claimed === undefined) return own
  for (const member of claimed.split(',')) {
    const scheme = SCHEME.exec(member)?.[1]
    if (scheme !== undefined) return scheme.toLowerCase()
  }
  return own
}
