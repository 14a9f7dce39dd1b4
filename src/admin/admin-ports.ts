/**
 * The ports of the admin API: its own, and the one for probes where the configuration has it.
 */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { AdminDeps } from './admin-deps.ts'
import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import { explainListenError, type WantedPort } from '../net/listen-error.ts'

type AdminConfig = Config['admin']

export class AdminPorts {
  readonly #clock: Clock
  readonly #app: FastifyInstance
  readonly #probes: Server | undefined

  /** Use `open`. */
  constructor (clock: Clock, app: FastifyInstance, probes: Server | undefined) {
    this.#clock = clock
    this.#app = app
    this.#probes = probes
  }

  /** @throws Error naming the port that can't be opened; then none is open */
  static async open (config: AdminConfig, deps: AdminDeps): Promise<AdminPorts> {
    // Half of what the main thread loads, so it is loaded only now.
    const [api, prober] = await Promise.all([import('./admin-server.ts'), import('./probe-server.ts')])
    const app = api.createAdminApp(deps)
    const { address, port, probes } = config
    await opening('the admin API', { address, port, option: 'admin.port (--admin-port, WEIR_ADMIN_PORT)' }, async () => { await app.listen({ host: address, port }) })
    goOnAfterFaults(app.server, 'admin.port', deps.log)
    if (probes === undefined) return new AdminPorts(deps.clock, app, undefined)
    const server = prober.createProbeServer(deps)
    const ports = new AdminPorts(deps.clock, app, server)
    try {
      await opening('the port for probes', { ...probes, option: 'admin.probes.port (--admin-probes-port, WEIR_ADMIN_PROBES_PORT)' }, async () => {
        server.listen({ host: probes.address, port: probes.port })
        await once(server, 'listening')
      })
      goOnAfterFaults(server, 'admin.probes.port', deps.log)
    } catch (error) {
      await ports.close(Promise.resolve())
      throw error
    }
    return ports
  }

  /** @param insisted resolves when nobody is to be waited for */
  async close (insisted: Promise<void>): Promise<void> {
    await closeAdminApp(this.#app, this.#clock, insisted)
    // Last: as long as anything is there, a probe has an answer.
    if (this.#probes !== undefined) await closeProbeServer(this.#probes, this.#clock, insisted)
  }
}

/** A connection that could not be accepted (ENFILE, ENOMEM) is lost; without this it would be the end of the process. */
function goOnAfterFaults (server: Pick<Server, 'on'>, option: string, log: AdminDeps['log']): void {
  server.on('error', (error: NodeJS.ErrnoException) => {
    log.warn('a connection to the admin API could not be accepted', { option, error: error.code ?? error.message })
  })
}

async function opening (what: string, at: WantedPort, open: () => Promise<void>): Promise<void> {
  try {
    await open()
  } catch (cause) {
    throw new Error(`${what} can't be opened on ${at.address} port ${at.port}: ${await explainListenError(cause, at)}`, { cause })
  }
}

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
