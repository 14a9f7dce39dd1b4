/**
 * How the streams of a worker reach the kernel: directly, over parts of Node that it does not document, or by the events of its streams.
 *
 * Both behave the same, and `direct` costs far less. What is not documented may change with any release of Node, so a worker tries at its
 * start what it is about to use, on real connections, instead of trusting a range of versions; what does not do as expected is not used.
 */
import type { IoChoice, IoMode } from '../contract/data-plane-options.ts'

/** Which way streams take. */
export interface StreamIo {
  readonly tcp: IoMode
  /** `events` as long as TLS is not in use. */
  readonly tls: IoMode
}

/**
 * The releases of Node with which the whole suite has passed on direct handles. Another release of their line is used all the same when the
 * trial passes, and the log says that it was not checked; the lines before and after them are not tried at all.
 */
export const CHECKED_NODE_VERSIONS: readonly string[] = ['26.10.0', '26.12.1']

/**
 * Tries one of the ways on real connections of loopback.
 * @returns what does not do as expected; undefined when all does
 */
export type Trial = () => Promise<string | undefined>

/** What a worker decides by. */
export interface IoDeps {
  /** Loads node:tls. */
  readonly tryTls: Trial
  /** A part was decided. @param reason why it is not direct; '' when it is */
  readonly decided: (part: 'TCP' | 'TLS', mode: IoMode, reason: string) => void
}

/** The decisions of one worker: on TCP at its start, on TLS when that is needed for the first time. */
export class WorkerIo implements StreamIo {
  readonly tcp: IoMode
  /** Why direct handles are not tried; '' when they are. */
  readonly #refusal: string
  readonly #deps: IoDeps
  #tls: IoMode = 'events'
  #trial: Promise<void> | undefined

  /** Use `decide`. */
  constructor (tcp: IoMode, { refusal, ...deps }: IoDeps & { readonly refusal: string }) {
    this.tcp = tcp
    this.#refusal = refusal
    this.#deps = deps
  }

  get tls (): IoMode { return this.#tls }

  /** Decides on TCP. */
  static async decide (
    { choice, nodeVersion, tryTcp, ...deps }: IoDeps & { readonly choice: IoChoice, readonly nodeVersion: string, readonly tryTcp: Trial }
  ): Promise<WorkerIo> {
    const refusal = refusalOf(choice, nodeVersion)
    const fault = refusal === '' ? await tryTcp() : refusal
    const tcp = fault === undefined ? 'direct' : 'events'
    deps.decided('TCP', tcp, fault ?? '')
    return new WorkerIo(tcp, { ...deps, refusal })
  }

  /** Decides on TLS, the first time that it is called. Nothing may use TLS before it resolves. */
  async decideTls (): Promise<void> {
    this.#trial ??= this.#tryTls()
    await this.#trial
  }

  async #tryTls (): Promise<void> {
    const fault = this.#refusal === '' ? await this.#deps.tryTls() : this.#refusal
    this.#tls = fault === undefined ? 'direct' : 'events'
    this.#deps.decided('TLS', this.#tls, fault ?? '')
  }
}

/** Was this release checked? */
export function isChecked (nodeVersion: string): boolean {
  return CHECKED_NODE_VERSIONS.includes(nodeVersion)
}

/** Why direct handles are not even tried; '' when they are. */
function refusalOf (choice: IoChoice, nodeVersion: string): string {
  if (choice === 'events') return 'the option io says so'
  const [major, minor = 0] = nodeVersion.split('.').map(Number)
  const ofLine = CHECKED_NODE_VERSIONS.some(checked => {
    const [line, first = 0] = checked.split('.').map(Number)
    return line === major && minor >= first
  })
  return ofLine ? '' : `Node ${nodeVersion} is none of the line of ${CHECKED_NODE_VERSIONS.join(' and ')}, which were checked`
}
