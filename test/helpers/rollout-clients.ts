/** Many clients of a route, each recognised by a header, and what became of their requests. */
import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { BROKEN_FIELD } from './rollout-origins.ts'

/** Who a client is; for `affinity` of a configuration. */
export const BY_CLIENT = { by: 'header', header: 'x-client' } as const

/** More than wait at a version that hangs until it is taken out. */
const LANES = 512

export interface ClientAnswer {
  readonly status: number
  /** What an origin answers is the name of its version. */
  readonly version: string
}

export class RolloutClients {
  sent = 0
  /** Answers by `status version`. */
  readonly answers = new Map<string, number>()
  /** The answers to requests of the broken client, which are not among the others. */
  readonly broken = new Map<string, number>()
  /** What each client got last, by its number. */
  readonly versionOf = new Map<number, string>()
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: LANES })
  readonly #port: number
  readonly #host: string
  readonly #count: number
  #turn = 0

  constructor (t: Test, { port, host, count }: { readonly port: number, readonly host: string, readonly count: number }) {
    this.#port = port
    this.#host = host
    this.#count = count
    t.teardown(() => { this.#agent.destroy() })
  }

  /** So many requests at once, of as many clients in turn. Resolves with their answers. */
  async round (requests: number): Promise<readonly ClientAnswer[]> {
    return await Promise.all(Array.from({ length: requests }, async () => {
      const client = this.#turn++ % this.#count
      const answer = await this.#ask(`client ${client}`, {})
      this.versionOf.set(client, answer.version)
      add(this.answers, answer)
      return answer
    }))
  }

  /** Rounds of `requests`, `rate` of them a second, whether or not they are answered, until `isOver`. */
  async flow (requests: number, rate: number, isOver: () => boolean): Promise<void> {
    const rounds: Array<Promise<unknown>> = []
    for (let dueMs = performance.now(); !isOver(); dueMs += requests * 1_000 / rate) {
      rounds.push(this.round(requests))
      const earlyMs = dueMs - performance.now()
      await wait(Math.max(1, earlyMs))
    }
    await Promise.all(rounds)
  }

  /** One client sends what every version fails on. */
  async brokenRound (client: number, requests: number): Promise<void> {
    await Promise.all(Array.from({ length: requests }, async () => { add(this.broken, await this.#ask(`client ${client}`, { [BROKEN_FIELD]: '1' })) }))
  }

  /** Answers with this status of this version, or of all. */
  answered (status: number, version?: string): number {
    return [...this.answers].filter(([key]) => version === undefined ? key.startsWith(`${status} `) : key === `${status} ${version}`)
      .reduce((sum, [, count]) => sum + count, 0)
  }

  async #ask (client: string, fields: Readonly<Record<string, string>>): Promise<ClientAnswer> {
    this.sent++
    const request = http.get({ host: '127.0.0.1', port: this.#port, agent: this.#agent, headers: { host: this.#host, 'x-client': client, ...fields } })
    const [response] = await once(request, 'response') as [http.IncomingMessage] // the types of events do not say what they carry
    let version = ''
    for await (const text of response.setEncoding('utf8')) version += String(text)
    return { status: response.statusCode ?? 0, version }
  }
}

function add (counts: Map<string, number>, { status, version }: ClientAnswer): void {
  const key = `${status} ${version}`
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
