/**
 * The lab's frontend: Weir as a process, on the configuration of lab/frontend/weir.yaml, its admin API, and the clients in front of it.
 */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parse } from 'yaml'
import { tlsFile, tlsPem } from '../../../test/helpers/listener-certificates.ts'
import { SecretMount } from '../../../test/helpers/secret-mount.ts'
import { temporaryDirectory } from '../../../test/helpers/temporary-directory.ts'
import {
  eventually, startWeir, type ApiAnswer, type PlainConfig, type WeirPorts, type WeirProcess
} from '../../../test/helpers/weir-process.ts'
import type { LabCleanups } from './lab-cleanups.ts'
import { LabClients } from './lab-clients.ts'
import { NAMESPACE, type LabCluster } from './lab-cluster.ts'
import { LAB_FOLDER, type Labels } from './lab-manifests.ts'

const ROUTE = '/v1/routes/hello'
/** A name of the certificate that plays the frontend's: a fixture of the tests. */
const HOST = 'default.test'
/** Fewer say nothing of a share; more have no address in 127.0.0.0/24. */
export const MIN_CLIENTS = 20
export const MAX_CLIENTS = 200
const LOAD_CLIENTS = 4
/** Of Weir's log, for the message of a failure: lines, and characters of each. */
const MAX_COMPLAINTS = 3
const MAX_LINE = 300

interface RouteBody {
  readonly versions: ReadonlyArray<{
    readonly name: string
    readonly endpoints: ReadonlyArray<{ readonly address: string, readonly ready: boolean }>
  }>
}

interface ExplainBody {
  readonly version: string | null
  readonly workers?: readonly unknown[]
}

export class LabFrontend {
  readonly clients: LabClients
  readonly workers: number
  readonly #weir: WeirProcess
  readonly #cluster: LabCluster
  readonly #configure: Configure
  #manifest: FrontendManifest

  /** Use `LabFrontend.start`. */
  constructor ({ cluster, weir, manifest, configure }: Running, clients: number) {
    this.workers = manifest.workers
    this.#cluster = cluster
    this.#weir = weir
    this.#manifest = manifest
    this.#configure = configure
    const address = { port: securePort(weir.ports), host: HOST, authority: tlsPem('listener-ca') }
    this.clients = new LabClients(address, { clients: addresses(2, clients), load: addresses(2 + clients, LOAD_CLIENTS) })
  }

  /** Starts Weir and waits until it is ready. */
  static async start (cluster: LabCluster, clients: number, cleanups: LabCleanups): Promise<LabFrontend> {
    const directory = await temporaryDirectory(cleanups)
    const kubeconfig = path.join(directory, 'kubeconfig')
    await writeFile(kubeconfig, cluster.server.kubeconfig({ namespace: NAMESPACE }))
    // The Secret.
    const tls = new SecretMount(path.join(directory, 'tls'))
    await tls.put({ 'tls.crt': tlsFile('listener-default'), 'tls.key': tlsFile('listener-key') })
    const certificate = { cert: tls.file('tls.crt'), key: tls.file('tls.key') }
    const configure: Configure = (manifest, ports) => ({
      ...manifest.config,
      listeners: [
        { name: 'web', address: '127.0.0.1', port: ports.web, redirectToHttps: { port: securePort(ports) } },
        { name: 'secure', address: '127.0.0.1', port: securePort(ports), tls: { certificates: [certificate] } }
      ],
      admin: { address: '127.0.0.1', port: ports.admin },
      state: { store: 'file', path: path.join(directory, 'state.json') },
      drain: { delay: '0s', timeout: '5s' },
      kubernetes: { kubeconfig, allowAddresses: ['127.0.0.0/8'] }
    })
    const manifest = await readFrontendManifest('frontend')
    const weir = await startWeir(cleanups, { directory, config: ports => configure(manifest, ports), detached: true })
    const frontend = new LabFrontend({ cluster, weir, manifest, configure }, clients)
    cleanups.teardown(() => { frontend.clients.close() })
    await weir.untilReadiness(200)
    return frontend
  }

  /** Puts the configuration of another folder of the lab in the place of the one before, as the kubelet does; Weir reads it again. */
  async reconfigure (folder: string): Promise<void> {
    this.#manifest = await readFrontendManifest(folder)
    const from = this.#weir.log.length
    await this.#weir.replaceConfig(this.#configure(this.#manifest, this.#weir.ports))
    await this.#weir.untilLogged('the configuration was reloaded', from)
  }

  /** What is wrong with Weir itself, for people: it is gone, or its log has errors. */
  get complaints (): readonly string[] {
    const errors = this.#weir.log.filter(({ level }) => level !== 'info' && level !== 'warn').slice(-MAX_COMPLAINTS)
    return [
      ...(this.#weir.running ? [] : ['Weir is gone, and nobody has asked it to end']),
      ...errors.map(line => `Weir's log: ${JSON.stringify(line).slice(0, MAX_LINE)}`)
    ]
  }

  get httpPort (): number { return this.#weir.ports.web }

  /** Asks the admin API about the route of hello. */
  async route (method: string, resource: string, body?: unknown): Promise<ApiAnswer> {
    return await this.#weir.api(method, `${ROUTE}${resource}`, body)
  }

  /** Where a client belongs, by its address: what `explain` says. */
  async homes (who: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, string>> {
    const homes = new Map<string, string>()
    for (const client of this.clients.addresses) {
      const { version } = await this.#explain(client)
      homes.set(client, who[version ?? ''] ?? 'nobody')
    }
    return homes
  }

  /**
   * Resolves when each worker knows the endpoints that the slices have now, and no pod ends any more.
   * @throws Error when that takes too long
   */
  async untilKnown (signal: AbortSignal): Promise<void> {
    await this.#cluster.controller.until(() => !this.#cluster.controller.ending, signal)
    await eventually(async () => {
      signal.throwIfAborted()
      const { versions } = (await this.route('GET', '')).body as RouteBody // as its schema has it
      const known = versions.every(({ name, endpoints }) => {
        const wanted = this.#readyAddresses(name)
        return endpoints.length === wanted.length && endpoints.every(({ address, ready }) => ready && wanted.includes(address))
      })
      return known ? true : undefined
    })
    // A worker answers this after it has read what came before. One that is busy is left out of the answer.
    await eventually(async () => {
      signal.throwIfAborted()
      return (await this.#explain('127.0.0.1')).workers?.length === this.workers ? true : undefined
    })
  }

  /** What Weir has counted: requests that were answered with a status of 2xx. Resolves as soon as they are so many. */
  async untilCounted (requests: number): Promise<number> {
    return await this.#weir.untilMetric('weir_requests_total', requests, { code_class: '2xx' })
  }

  /** Asks Weir to stop. @returns its exit code */
  async stop (): Promise<number | null> {
    this.clients.close()
    return await this.#weir.stop('SIGTERM')
  }

  async #explain (client: string): Promise<ExplainBody> {
    return (await this.route('GET', `/explain?ip=${client}`)).body as ExplainBody // as its schema has it
  }

  #readyAddresses (version: string): readonly string[] {
    const source = this.#manifest.sources.get(version)
    return source === undefined ? [] : this.#cluster.controller.readyAddresses(source.service, source.podLabels)
  }
}

/** What the lab reads of the frontend's configuration. */
interface FrontendManifest {
  readonly config: PlainConfig
  readonly workers: number
  /** Of each version of the route of hello. */
  readonly sources: ReadonlyMap<string, PlainEndpoints>
}

type Configure = (manifest: FrontendManifest, ports: WeirPorts) => PlainConfig

interface Running {
  readonly cluster: LabCluster
  readonly weir: WeirProcess
  readonly manifest: FrontendManifest
  readonly configure: Configure
}

interface PlainEndpoints {
  readonly service: string
  readonly podLabels?: Labels
}

interface PlainRoute {
  readonly name: string
  readonly versions: ReadonlyArray<{ readonly name: string, readonly endpoints: PlainEndpoints }>
}

async function readFrontendManifest (folder: string): Promise<FrontendManifest> {
  // Weir checks it as a whole; test/unit/deploy/lab-manifests.test.ts holds it to what is read here.
  const text = await readFile(path.join(LAB_FOLDER, folder, 'weir.yaml'), 'utf8')
  const config: PlainConfig & { readonly workers: number, readonly routes: readonly PlainRoute[] } = Object(parse(text))
  const versions = config.routes.find(({ name }) => name === 'hello')?.versions ?? []
  return { config, workers: config.workers, sources: new Map(versions.map(({ name, endpoints }) => [name, endpoints])) }
}

function securePort ({ more }: WeirPorts): number {
  return more[0] ?? 0
}

/** On Linux every address of 127.0.0.0/8 is this machine. */
function addresses (first: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `127.0.0.${first + index}`)
}
