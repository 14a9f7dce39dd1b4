import type { FastifyInstance } from 'fastify'
import type { Server } from 'node:http'
import type { Clock } from '../core/clock.ts'

/** What has not got its answer so long after the end of the API is not waited for. */
const GRACE_MS = 1_000

/**
 * Closes the admin API: requests in hand may be answered for a second, then every connection is cut. Without that, one that
 * has sent half a request would hold up the exit for as long as it may be silent.
 * @param insisted resolves when nothing is to be waited for
 */
export async function closeAdminApp (app: FastifyInstance, clock: Clock, insisted: Promise<void>): Promise<void> {
  await closeWithGrace(app.server, async () => { await app.close() }, { clock, insisted })
}

/** The same for the port for probes. */
export async function closeProbeServer (server: Server, clock: Clock, insisted: Promise<void>): Promise<void> {
  if (!server.listening) return
  await closeWithGrace(server, async () => {
    await new Promise(resolve => {
      server.close(resolve)
      server.closeIdleConnections()
    })
  }, { clock, insisted })
}

async function closeWithGrace (
  server: Server, close: () => Promise<void>, { clock, insisted }: { readonly clock: Clock, readonly insisted: Promise<void> }
): Promise<void> {
  const cut = (): void => { server.closeAllConnections() }
  const timer = clock.after(GRACE_MS, cut)
  void insisted.then(cut)
  try {
    await close()
  } finally {
    timer.cancel()
  }
}
