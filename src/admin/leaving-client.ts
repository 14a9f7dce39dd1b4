/** What shows that a client has gone away. */
export interface ClientTraces {
  readonly response: { readonly destroyed: boolean, readonly once: (event: 'close', listener: () => void) => unknown }
  readonly socket: { readonly destroyed: boolean }
}

/** Aborted when the client goes away; at once when it is gone already, as nothing announces that a second time. */
export function leavingClient ({ response, socket }: ClientTraces): AbortSignal {
  if (response.destroyed || socket.destroyed) return AbortSignal.abort()
  const controller = new AbortController()
  response.once('close', () => { controller.abort() })
  return controller.signal
}
