/**
 * Sends the workers the routes and options in force: after a reload, and when authorities or keys that a route names have changed.
 */
import type { AuthorityFiles } from '../certificates/authority-files.ts'
import type { KeyFiles } from '../certificates/key-files.ts'
import type { Config } from '../config/schema.ts'
import type { PreparedChange } from '../core/prepared-change.ts'
import { Random } from '../core/random.ts'
import { turnsAway } from '../routes/configured-actions.ts'
import { dataPlaneOptions, routeSpecs } from '../routes/configured-options.ts'
import type { RouteBook } from '../routes/route-book.ts'
import type { CounterBook } from '../telemetry/counter-book.ts'
import { ROUTE_ITSELF } from '../telemetry/counter-layout.ts'
import type { HealthBook } from './health-book.ts'
import type { HealthProber } from './health-prober.ts'
import { RateTables } from './rate-tables.ts'
import type { WorkerPool } from './worker-pool.ts'

export interface RouteSenderDeps {
  readonly routes: RouteBook
  readonly pool: Pick<WorkerPool, 'sendRoutes'>
  readonly prober: Pick<HealthProber, 'configure'>
  readonly book: Pick<CounterBook, 'retain' | 'slotFor'>
  readonly health: Pick<HealthBook, 'retain'>
  readonly authorities: Pick<AuthorityFiles, 'of'>
  readonly keys: Pick<KeyFiles, 'allOf'>
  /** What each worker may keep for its clients and endpoints. */
  readonly bufferBytes: (config: Config) => number
}

export class RouteSender {
  readonly #deps: RouteSenderDeps
  readonly #rateTables = new RateTables(() => new Random().nextInt32())
  #config: Config

  /** @param config the one of the start; nothing is sent yet */
  constructor (config: Config, deps: RouteSenderDeps) {
    this.#config = config
    this.#deps = deps
  }

  /** @throws Error when the routes can't be made of the configuration */
  prepare (config: Config): PreparedChange {
    // For its errors: counters and authorities are those of the moment of sending.
    this.#specsOf(config, () => 0)
    const routes = this.#deps.routes.prepare(config.routes)
    const before = this.#config
    return {
      commit: () => {
        this.#config = config
        routes.commit()
      },
      settle: () => {
        const versions = this.#deps.routes.versions()
        const itself = config.routes.filter(turnsAway).map(({ name }) => ({ route: name, version: ROUTE_ITSELF }))
        this.#deps.book.retain([...versions, ...itself])
        this.#deps.health.retain(versions)
        this.send()
      },
      discard: () => {
        this.#config = before
        return routes.discard()
      }
    }
  }

  /** Sends what is in force. */
  send (): void {
    const { book, pool, prober } = this.#deps
    const { options, specs } = this.#specsOf(this.#config, (route, version) => book.slotFor(route, version))
    pool.sendRoutes(options, this.#rateTables.attach(specs))
    prober.configure(this.#config.routes, specs)
  }

  #specsOf (config: Config, slotFor: (route: string, version: string) => number) {
    const options = dataPlaneOptions(config, this.#deps.bufferBytes(config))
    const { authorities, keys } = this.#deps
    const files = { authoritiesOf: (file: string) => authorities.of(file), keysOf: (named: readonly string[]) => keys.allOf(named) }
    return { options, specs: routeSpecs(config.routes, { common: { ...options, overrides: config.overrides }, slotFor, files }) }
  }
}
