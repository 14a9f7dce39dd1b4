/**
 * The server that a webhook posts to. It may be slow, huge, hostile, or no HTTP server at all.
 * Loading this file loads undici.
 */
import { Client, type Dispatcher } from 'undici'
import { within } from '../core/abortable.ts'
import type { Clock } from '../core/clock.ts'
import { errorCode, errorText } from '../core/error-text.ts'
import { printable } from '../core/logger.ts'
import { readBounded } from '../core/read-bounded.ts'
import { isLocalShortage } from '../net/open-files.ts'

export interface Post {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** From connecting to the end of the answer's header, in milliseconds. */
  readonly timeoutMs: number
  /** Nobody waits for it any more. */
  readonly signal: AbortSignal
}

/** Why a post was not taken. */
export interface PostFault {
  /** One word for faults of the same kind. */
  readonly kind: string
  /** For people: what goes on from the name of the webhook. */
  readonly reason: string
  /** Whether another try may do better. */
  readonly again: boolean
  /** How long the receiver wants to be left alone, in milliseconds. */
  readonly afterMs?: number
}

/** What comes behind the header of an answer says nothing, and is read only to keep the connection. */
const MAX_ANSWER_BYTES = 65_536
const MAX_ANSWER_MS = 1_000
const MAX_HEAD_BYTES = 16_384
const KEEP_ALIVE_MS = 4_000
const MAX_REASON_LENGTH = 300

export class Receiver {
  readonly #url: URL
  readonly #clock: Clock
  /** One connection, made when there is something to say. */
  #client: Client | undefined
  /** It has been used, so it may be one that the receiver is about to close. */
  #used = false

  constructor (url: string, clock: Clock) {
    this.#url = new URL(url)
    this.#clock = clock
  }

  /** @returns why it was not taken; undefined when it was. Never rejects, and never takes longer than it may and a second. */
  async post (post: Post): Promise<PostFault | undefined> {
    let fault: PostFault | undefined
    try {
      // undici sees to an abort only once there is a connection.
      const answer = await within(this.#clock, post, over => this.#request(post, over))
      if (answer === 'late') {
        fault = temporary('timeout', `gives no answer within ${post.timeoutMs} ms`)
      } else if (answer === 'gone') {
        fault = temporary('stopped', 'is not waited for any more')
      } else {
        fault = faultOfAnswer(answer, this.#clock)
        if (await this.#readRest(answer.body, post.signal)) return fault
      }
    } catch (error) {
      fault = faultOfError(error)
    }
    this.close()
    return fault
  }

  /** Ends its connection. */
  close (): void {
    const client = this.#client
    this.#client = undefined
    this.#used = false
    client?.destroy().catch(() => undefined)
  }

  async #request (post: Post, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const mayBeEnding = this.#used
    try {
      return await this.#send(post, signal)
    } catch (error) {
      if (!mayBeEnding || signal.aborted || !isEndOfKept(error)) throw error
      this.close()
      return await this.#send(post, signal)
    }
  }

  async #send ({ headers, body, timeoutMs }: Post, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    this.#client ??= new Client(this.#url.origin, {
      // Whatever the environment says of certificates.
      connect: { timeout: timeoutMs, rejectUnauthorized: true, allowH2: false },
      allowH2: false,
      pipelining: 1,
      // The whole has a deadline.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEAD_BYTES
    })
    const answer = await this.#client.request({ method: 'POST', path: this.#url.pathname + this.#url.search, headers, body, signal })
    this.#used = true
    return answer
  }

  /** @returns whether the connection can be used again */
  async #readRest (body: Dispatcher.ResponseData['body'], signal: AbortSignal): Promise<boolean> {
    const patience = { timeoutMs: MAX_ANSWER_MS, signal }
    const rest = await within(this.#clock, patience, () => readBounded(body, MAX_ANSWER_BYTES).catch(() => undefined))
    return rest instanceof Buffer
  }
}

function temporary (kind: string, reason: string): PostFault {
  return { kind, reason, again: true }
}

/** What is worth another try although it is no fault of the server: RFC 9110 section 15.5.9, RFC 8470 section 5.2, RFC 6585 section 4. */
const PASSING = new Set([408, 425, 429])

const ADVICE: Readonly<Record<number, string>> = {
  401: ': does it know the secret?',
  403: ': does it know the secret?',
  404: ': is the path of `url` right?',
  405: ', so it takes no POST: is the path of `url` right?',
  410: ': it is gone for good; take the webhook out of the configuration'
}

function faultOfAnswer ({ statusCode: status, headers }: Dispatcher.ResponseData, clock: Clock): PostFault | undefined {
  if (status >= 200 && status < 300) return undefined
  const kind = `status ${status}`
  if (status >= 500 || PASSING.has(status)) {
    const afterMs = readRetryAfter(headers['retry-after'], clock.wallMs())
    return { ...temporary(kind, `answers ${status}`), ...(afterMs === undefined ? {} : { afterMs }) }
  }
  if (status < 400) return { kind, reason: `answers ${status}, and redirects are not followed: write the final address into \`url\``, again: false }
  return { kind, reason: `answers ${status}${ADVICE[status] ?? ''}`, again: false }
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function readRetryAfter (field: string | string[] | undefined, nowMs: number): number | undefined {
  if (typeof field !== 'string') return undefined
  if (/^[0-9]{1,9}$/.test(field)) return Number(field) * 1_000
  const atMs = / GMT$/.test(field) ? Date.parse(field) : NaN
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}

function isEndOfKept (error: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '')
}

/** What Node's TLS says of certificates that it does not believe: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const CERTIFICATE_CODE = /CERT|_SIGNATURE|^UNABLE_TO_|^INVALID_(CA|PURPOSE)|^PATH_LENGTH|^HOSTNAME_MISMATCH|^CRL_/

function faultOfError (error: unknown): PostFault {
  const code = errorCode(error) ?? ''
  // Some of it may be what the receiver has in its certificate.
  const text = printable(errorText(error)).replaceAll('\n', ' ').slice(0, MAX_REASON_LENGTH)
  if (code === 'ECONNREFUSED') return temporary('refused', 'can\'t be reached: nothing listens there')
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return temporary('name', `can't be reached: its name is not known (${code})`)
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return temporary('timeout', 'can\'t be reached: no connection in time')
  if (isLocalShortage(code)) return temporary('own', `can't be reached: Weir can't open a connection (${code})`)
  if (CERTIFICATE_CODE.test(code)) {
    return temporary('certificate', `has a certificate that is not believed: ${text}; NODE_EXTRA_CA_CERTS names other authorities`)
  }
  const isMalformed = error instanceof Error && error.name === 'HTTPParserError'
  if (isMalformed || code === 'UND_ERR_HEADERS_OVERFLOW') return temporary('odd', 'answers something that is not HTTP')
  return temporary('connection', `breaks the connection: ${text}`)
}
