/**
 * A Weir that runs as a process of its own, as users run it: `src/main.ts run --config FILE`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { NODE, NODE_FIRST, nodeFirst } from './bare-node.ts'
import { childEnvironment } from './child-environment.ts'
import { endWithParent } from './end-with-parent.ts'
import { type Family, parseExposition } from './exposition-parser.ts'
import { freePorts } from './free-port.ts'
import { PATIENCE_MS } from './patience.ts'
import { temporaryDirectory } from './temporary-directory.ts'

export { temporaryDirectory }

export const MAIN = path.resolve(import.meta.dirname, '../..', process.env['WEIR_MAIN'] ?? 'src/main.ts')
const START_TRIES = 5

/** A configuration as plain data; JSON is YAML. */
export type PlainConfig = Readonly<Record<string, unknown>>

export interface WeirPorts {
  /** Of the listener `web` on 127.0.0.1. */
  readonly web: number
  readonly admin: number
  /** For whatever else a test needs. */
  readonly more: readonly number[]
}

export interface WeirOptions {
  /** Makes the configuration; `listeners` and `admin.port` are filled in when it has none. */
  readonly config: (ports: WeirPorts) => PlainConfig
  readonly args?: readonly string[]
  /** Arguments of Node itself. */
  readonly nodeArgs?: readonly string[]
  /** The directory of weir.yaml; a temporary one by default. */
  readonly directory?: string
  /** Where the configuration is read from, when a test prepares it by itself. */
  readonly configFile?: string
  /** In a process group of its own, which a Ctrl-C of the terminal does not reach. */
  readonly detached?: boolean
  /** Return once the process logs this message. */
  readonly until?: string
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

export interface ApiAnswer {
  readonly status: number
  readonly body: unknown
  readonly etag: string | null
}

export class WeirProcess {
  readonly ports: WeirPorts
  readonly directory: string
  readonly configFile: string
  /** Weir's own log so far. */
  readonly log: LogLine[] = []
  /** Everything on standard output and what of standard error is not JSON. */
  stdout = ''
  stderr = ''
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #waiting = new Set<() => void>()

  /** Use `startWeir`. */
  constructor (ports: WeirPorts, files: { readonly directory: string, readonly configFile: string }, { args = [], nodeArgs = [], detached = false }: Pick<WeirOptions, 'args' | 'nodeArgs' | 'detached'>) {
    this.ports = ports
    this.directory = files.directory
    this.configFile = files.configFile
    const child = spawn(NODE, [...NODE_FIRST, ...endWithParent(), ...nodeArgs, MAIN, 'run', '--config', files.configFile, ...args], {
      cwd: files.directory, env: childEnvironment(), stdio: ['ignore', 'pipe', 'pipe'], detached
    })
    this.#child = child
    this.#ended = once(child, 'close')
    child.stdout.setEncoding('utf8').on('data', (text: string) => { this.stdout += text })
    createInterface({ input: child.stderr }).on('line', line => { this.#onLine(line) })
    // Nothing stays behind when the test ends without its teardown.
    const killed = (): void => { child.kill('SIGKILL') }
    process.once('exit', killed)
    child.once('close', () => {
      process.off('exit', killed)
      this.#changed()
    })
  }

  get pid (): number { return this.#child.pid ?? 0 }
  get running (): boolean { return this.#child.exitCode === null && this.#child.signalCode === null }
  get url (): string { return `http://127.0.0.1:${this.ports.admin}` }

  #onLine (line: string): void {
    const parsed = parseLine(line)
    if (parsed === undefined) this.stderr += `${line}\n`
    else this.log.push(parsed)
    this.#changed()
  }

  #changed (): void {
    for (const check of this.#waiting) check()
  }

  /** The lines of the log with this message, from the `from`-th line of the log on. */
  logged (message: string, from = 0): readonly LogLine[] {
    return this.log.slice(from).filter(line => line.message === message)
  }

  /**
   * The first line with this message, from the `from`-th line of the log on, as soon as it is there.
   * @throws Error when the process ends without it, or takes too long
   */
  async untilLogged (message: string, from = 0): Promise<LogLine> {
    return await this.untilLine(line => line.message === message, `"${message}"`, from)
  }

  /**
   * The first line that is meant, from the `from`-th line of the log on, as soon as it is there: what Weir logs before it answers arrives
   * on another way than the answer, and may be read after it.
   * @throws Error when the process ends without it, or takes too long
   */
  async untilLine (meant: (line: LogLine) => boolean, name: string, from = 0): Promise<LogLine> {
    const deadline = AbortSignal.timeout(PATIENCE_MS)
    for (;;) {
      const line = this.log.slice(from).find(meant)
      if (line !== undefined) return line
      if (!this.running || deadline.aborted) throw new Error(`${name} was not logged: ${this.stderr}${JSON.stringify(this.log)}`)
      await new Promise<void>(resolve => {
        const done = (): void => {
          this.#waiting.delete(done)
          deadline.removeEventListener('abort', done)
          resolve()
        }
        this.#waiting.add(done)
        deadline.addEventListener('abort', done)
      })
    }
  }

  /** Asks the admin API. */
  async api (method: string, resource: string, body?: unknown): Promise<ApiAnswer> {
    const response = await fetch(`${this.url}${resource}`, {
      method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    })
    return { status: response.status, body: await response.json(), etag: response.headers.get('etag') }
  }

  /** Sets the weights of a route and waits for all workers. */
  async setWeights (route: string, weights: Readonly<Record<string, number>>): Promise<ApiAnswer> {
    return await this.api('PUT', `/v1/routes/${route}/weights?wait=all`, { weights, reason: 'a test' })
  }

  async metrics (): Promise<ReadonlyMap<string, Family>> {
    return parseExposition(await (await fetch(`${this.url}/metrics`)).text())
  }

  /** The sum of all samples of a name that carry the labels. */
  async metric (name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return sumOf(await this.metrics(), name, labels)
  }

  /**
   * That sum as soon as it is this number, or one that is meant: a worker counts a request a moment after its client has the answer, and
   * the other worker may be later still.
   * @throws Error that names the last sum when that takes too long
   */
  async untilMetric (name: string, meant: number | ((sum: number) => boolean), labels: Readonly<Record<string, string>> = {}): Promise<number> {
    let sum = Number.NaN
    const isMeant = typeof meant === 'number' ? (value: number) => value === meant : meant
    return await eventually(async () => {
      sum = await this.metric(name, labels)
      return isMeant(sum) ? sum : undefined
    }).catch((error: unknown) => { throw new Error(`${name} ${JSON.stringify(labels)} was ${sum} and never ${meant.toString()}`, { cause: error }) })
  }

  /** Resolves when /readyz gives this status. */
  async untilReadiness (status: number): Promise<ApiAnswer> {
    return await eventually(async () => {
      const answer = await this.api('GET', '/readyz')
      return answer.status === status ? answer : undefined
    })
  }

  /** Puts a new configuration in the place of the old one, in one step. */
  async replaceConfig (config: PlainConfig | string): Promise<void> {
    const temporary = `${this.configFile}.new`
    await writeFile(temporary, typeof config === 'string' ? config : JSON.stringify(config))
    await rename(temporary, this.configFile)
  }

  kill (signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Sends a signal until there is this result: the second one is a wish of its own only a while after the first. */
  async insist (signal: NodeJS.Signals, result: Promise<unknown>): Promise<void> {
    let over = false
    void result.finally(() => { over = true })
    await eventually(async () => {
      if (over) return true
      this.kill(signal)
      return undefined
    })
  }

  /** Resolves with the exit code; null after a signal that ended the process. */
  async end (): Promise<number | null> {
    await this.#ended
    return this.#child.exitCode
  }

  /** Asks Weir to stop, at once and not after drain.delay, and waits. */
  async stop (signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    this.kill(signal)
    return await this.end()
  }
}

/** Starts Weir and waits until it runs; ends it with the test. Ports that are taken meanwhile are replaced. */
export async function startWeir (t: Pick<Test, 'teardown'>, options: WeirOptions): Promise<WeirProcess> {
  const directory = options.directory ?? await temporaryDirectory(t)
  for (let tries = 1; ; tries++) {
    const [web = 0, admin = 0, ...more] = await freePorts(6)
    const ports = { web, admin, more }
    const configFile = options.configFile ?? path.join(directory, 'weir.yaml')
    await writeFile(configFile, JSON.stringify(complete(options.config(ports), ports)))
    const weir = new WeirProcess(ports, { directory, configFile }, options)
    try {
      await weir.untilLogged(options.until ?? 'weir is running')
    } catch (error) {
      weir.kill('SIGKILL')
      await weir.end()
      if (tries < START_TRIES && JSON.stringify(weir.log).includes('EADDRINUSE')) continue
      throw error
    }
    t.teardown(async () => {
      if (weir.running) weir.kill('SIGKILL')
      await weir.end()
    })
    return weir
  }
}

/** Adds the listener and the admin port where the configuration names none. */
export function complete (config: PlainConfig, { web, admin }: WeirPorts): PlainConfig {
  return { listeners: [{ name: 'web', address: '127.0.0.1', port: web }], admin: { port: admin }, ...config }
}

/** What ran to its end. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `weir` with these arguments to its end; `launcher` is what Node starts, src/main.ts by default. */
export async function runWeir (args: readonly string[], env: Readonly<Record<string, string>> = {}, launcher = MAIN, input = ''): Promise<Outcome> {
  const child = spawn(NODE, [...nodeFirst(env['NODE_OPTIONS']), ...endWithParent(), launcher, ...args], {
    env: childEnvironment(env), stdio: ['pipe', 'pipe', 'pipe'], timeout: PATIENCE_MS, killSignal: 'SIGKILL'
  })
  // Most commands end without reading it.
  child.stdin.on('error', () => {}).end(input)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  await once(child, 'close')
  return { code: child.exitCode, stdout, stderr }
}

/** Asks again and again until there is an answer other than undefined, for what announces itself in no other way. */
export async function eventually<Value> (ask: () => Promise<Value | undefined>): Promise<Value> {
  const deadlineMs = performance.now() + PATIENCE_MS
  // What has not come at once may take seconds: to ask for all of them would keep the processor from what is waited for.
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.2, 100)) {
    const value = await ask()
    if (value !== undefined) return value
    if (performance.now() > deadlineMs) throw new Error('it did not happen in time')
    await wait(pauseMs)
  }
}

/** The sum of all samples of a name (of a histogram with its suffix) that carry the labels. */
export function sumOf (families: ReadonlyMap<string, Family>, name: string, labels: Readonly<Record<string, string>> = {}): number {
  return [...families.values()].flatMap(({ samples }) => samples)
    .filter(sample => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0)
}

function parseLine (line: string): LogLine | undefined {
  try {
    const parsed: unknown = JSON.parse(line)
    // Weir's own log: the fields are checked where they are used.
    return typeof parsed === 'object' && parsed !== null && 'message' in parsed ? parsed as LogLine : undefined
  } catch {
    return undefined
  }
}
