/**
 * The lab's clients: each has an address of its own on loopback and a kept-alive TLS connection to Weir, and checks its certificate.
 */
import https from 'node:https'
import { setTimeout as wait } from 'node:timers/promises'

export interface FrontendAddress {
  readonly port: number
  /** The name that clients ask for, which the certificate has to have. */
  readonly host: string
  /** PEM of the authority that the clients trust. */
  readonly authority: string
}

/** What became of a request. */
export interface LabAnswer {
  /** The client's address. */
  readonly client: string
  /** `hello 1.0.0`: which service and version has answered; what went wrong when `ok` is false. */
  readonly who: string
  /** The address of the pod. */
  readonly pod: string
  readonly ok: boolean
}

const TIMEOUT_MS = 10_000
/** Requests a second of the load while something changes. */
const LOAD_RATE = 50
/** Answers before a change, and as many after it: some changes are over in milliseconds. */
const LOAD_AROUND = 5
/** Every so-manieth of them is a POST, which nobody may send twice. */
const LOAD_POSTS = 4
const MAX_TEXT = 200

class LabClient {
  readonly address: string
  readonly #agent: https.Agent
  readonly #frontend: FrontendAddress

  constructor (address: string, frontend: FrontendAddress) {
    this.address = address
    this.#frontend = frontend
    // One connection, kept: the same worker of Weir for all requests of the client.
    const { authority: ca, host: servername } = frontend
    this.#agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca, servername, localAddress: address })
  }

  async ask (path: string, method = 'GET'): Promise<LabAnswer> {
    const { port, host } = this.#frontend
    return await new Promise(resolve => {
      const failed = (what: string): void => { resolve({ client: this.address, who: `${method} ${path}: ${what}`, pod: '', ok: false }) }
      const request = https.request({
        agent: this.#agent, host: '127.0.0.1', port, path, method, headers: { host }, timeout: TIMEOUT_MS
      }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', (piece: string) => { text = (text + piece).slice(0, MAX_TEXT) })
        response.once('error', error => { failed(error.message) })
        response.once('end', () => {
          const [, who, pod] = /^(\S+ \S+) from (\S+)\n$/.exec(text) ?? []
          if (response.statusCode !== 200 || who === undefined || pod === undefined) failed(`${response.statusCode} ${text.trim()}`)
          else resolve({ client: this.address, who, pod, ok: true })
        })
      })
      request.once('timeout', () => { request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`)) })
      request.once('error', error => { failed(error.message) })
      request.end(method === 'POST' ? 'body' : undefined)
    })
  }

  close (): void {
    this.#agent.destroy()
  }
}

/** The clients, and all that they have sent. */
export class LabClients {
  sent = 0
  failed = 0
  readonly #clients: readonly LabClient[]
  readonly #load: readonly LabClient[]

  /** @param load addresses of further clients, which ask while something changes */
  constructor (frontend: FrontendAddress, { clients, load }: { readonly clients: readonly string[], readonly load: readonly string[] }) {
    this.#clients = clients.map(address => new LabClient(address, frontend))
    this.#load = load.map(address => new LabClient(address, frontend))
  }

  get addresses (): readonly string[] { return this.#clients.map(({ address }) => address) }

  /**
   * Each client asks so many times, one after the other and one request at a time: so nobody else moves on the turn of the pods meanwhile.
   * @throws the reason of the signal, when it is aborted
   */
  async askInTurn (times: number, signal: AbortSignal, path = '/'): Promise<readonly LabAnswer[]> {
    const answers: LabAnswer[] = []
    for (const client of this.#clients) {
      for (let time = 0; time < times; time++) {
        signal.throwIfAborted()
        answers.push(await this.#ask(client, path))
      }
    }
    return answers
  }

  /** Requests at a steady rate before, while and after `change` is made and has come to its end. */
  async during (change: () => Promise<void>): Promise<readonly LabAnswer[]> {
    const answers: LabAnswer[] = []
    const end = new AbortController()
    const load = Promise.all(this.#load.map(async (client, index) => {
      for (let time = 0; !end.signal.aborted; time++) {
        const next = wait(1_000 * this.#load.length / LOAD_RATE)
        answers.push(await this.#ask(client, '/', (time + index) % LOAD_POSTS === 0 ? 'POST' : 'GET'))
        await next
      }
    }))
    const more = async (count: number): Promise<void> => {
      const target = answers.length + count
      while (answers.length < target) await wait(10)
    }
    try {
      await more(LOAD_AROUND)
      await change()
      await more(LOAD_AROUND)
    } finally {
      end.abort()
      await load
    }
    return answers
  }

  close (): void {
    for (const client of [...this.#clients, ...this.#load]) client.close()
  }

  async #ask (client: LabClient, path: string, method?: string): Promise<LabAnswer> {
    this.sent++
    const answer = await client.ask(path, method)
    if (!answer.ok) this.failed++
    return answer
  }
}
