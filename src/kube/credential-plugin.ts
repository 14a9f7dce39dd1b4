/**
 * The credential plugin of a kubeconfig (`user.exec`): a program that prints who Weir is. The library would wait for it without
 * end, keep all that it prints, and leave it running when nobody wants its answer any more.
 */
import type { ChildProcess } from 'node:child_process'
import type { Clock } from '../core/clock.ts'
import { asList, asObject, asText, parseJson } from '../core/untrusted.ts'
import { KubeError } from './kube-api.ts'

export interface PluginLimits {
  /** From the start of the program to its answer. Below the 30 s of a list, so that the log names the program and not the API server. */
  readonly timeoutMs: number
  readonly maxOutputBytes: number
  /** Another failure than a 401 makes an answer doubtful only when it is this old: a plugin costs more than a request. */
  readonly minAgeMs: number
}

export const DEFAULT_PLUGIN_LIMITS: PluginLimits = { timeoutMs: 20_000, maxOutputBytes: 1_048_576, minAgeMs: 10_000 }

/** What a plugin has said; at least one of the two ways to be known. */
export interface PluginCredential {
  readonly token: string | undefined
  /** PEM. */
  readonly cert: string | undefined
  readonly key: string | undefined
}

/** The program, as the kubeconfig names it. */
export interface PluginCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** What the kubeconfig says to do when the program is not there. */
  readonly installHint: string
  /** The version of the ExecCredential that the program is to speak. */
  readonly apiVersion: string
}

interface Answer {
  readonly credential: PluginCredential
  readonly atMs: number
  /** Wall-clock time. */
  readonly expiresMs: number
}

interface Run {
  readonly answer: Promise<Answer>
  readonly kill: (why: KubeError) => void
  waiting: number
}

/** Reads the `exec` of a user. Undefined when there is none. */
export function readPluginCommand (exec: unknown): PluginCommand | undefined {
  const spec = asObject(exec)
  if (spec === undefined) return undefined
  const variables = asList(spec['env']).map(asObject).map(entry => [asText(entry?.['name']) ?? '', asText(entry?.['value']) ?? ''] as const)
  return {
    command: asText(spec['command']) ?? '',
    args: asList(spec['args']).map(arg => asText(arg) ?? ''),
    env: Object.fromEntries(variables.filter(([name]) => name !== '')),
    installHint: asText(spec['installHint']) ?? '',
    apiVersion: asText(spec['apiVersion']) ?? 'client.authentication.k8s.io/v1'
  }
}

/** Runs plugins, one run of a program at a time however many requests wait for it, and keeps their answers until they expire. */
export class CredentialPlugins {
  readonly #clock: Clock
  readonly #limits: PluginLimits
  readonly #answers = new Map<string, Answer>()
  readonly #runs = new Map<string, Run>()

  constructor (clock: Clock, limits: PluginLimits = DEFAULT_PLUGIN_LIMITS) {
    this.#clock = clock
    this.#limits = limits
  }

  /**
   * The answer of a program: the one that is kept, or that of a new run.
   * @param signal gives up; the program is killed when nobody waits for it any more
   * @throws KubeError `credentials` that names the program, or what the signal was aborted with
   */
  async credential (plugin: PluginCommand, signal: AbortSignal): Promise<PluginCredential> {
    const key = keyOf(plugin)
    const kept = this.#answers.get(key)
    if (kept !== undefined && kept.expiresMs > this.#clock.wallMs()) return kept.credential
    this.#answers.delete(key)
    signal.throwIfAborted()
    const run = this.#runs.get(key) ?? this.#start(key, plugin)
    run.waiting++
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const onAbort = (): void => { reject(KubeError.from(signal.reason)) }
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return (await Promise.race([run.answer, aborted])).credential
    } finally {
      signal.removeEventListener('abort', onAbort)
      if (--run.waiting === 0) run.kill(new KubeError('credentials', `nobody waits for the credential plugin ${plugin.command} any more`))
    }
  }

  /** The server, or something on the way to it, did not like the answer: the next request runs the program again. */
  doubt (plugin: PluginCommand, unauthorized: boolean): void {
    const key = keyOf(plugin)
    const kept = this.#answers.get(key)
    if (kept !== undefined && (unauthorized || this.#clock.nowMs() - kept.atMs >= this.#limits.minAgeMs)) this.#answers.delete(key)
  }

  #start (key: string, plugin: PluginCommand): Run {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const abort = new AbortController()
    const over = (): void => { if (this.#runs.get(key) === run) this.#runs.delete(key) }
    const kill = (why: KubeError): void => {
      // At once, so that nobody joins a run that is being killed.
      over()
      abort.abort(why)
    }
    const timer = this.#clock.after(this.#limits.timeoutMs, () => {
      kill(new KubeError('credentials', `the credential plugin ${plugin.command} gave no answer within ${this.#limits.timeoutMs} ms and was killed`))
    })
    const run: Run = { answer: promise, kill, waiting: 0 }
    this.#runs.set(key, run)
    void output(plugin, this.#limits.maxOutputBytes, abort.signal).then(text => {
      const answer = { ...readAnswer(plugin, text), atMs: this.#clock.nowMs() }
      this.#answers.set(key, answer)
      resolve(answer)
    }).catch(reject).finally(() => {
      timer.cancel()
      over()
    })
    // Everybody who waits may have given up.
    promise.catch(() => {})
    return run
  }
}

function keyOf (plugin: PluginCommand): string {
  return JSON.stringify(plugin)
}

/**
 * Runs the program to its end, in a process group of its own so that what it started ends with it.
 * @returns what it printed
 * @throws KubeError `credentials`
 */
async function output (plugin: PluginCommand, maxBytes: number, signal: AbortSignal): Promise<string> {
  const { command, args, env, apiVersion, installHint } = plugin
  const { spawn } = await import('node:child_process')
  const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec: { interactive: false } })
  const child = spawn(command, args, {
    // Its own variables last: a kubeconfig may set any of them.
    env: { ...process.env, KUBERNETES_EXEC_INFO: info, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true
  })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const pieces: Buffer[] = []
  let bytes = 0
  let complaint = ''
  let closed = false
  const fail = (message: string, cause?: unknown): void => { reject(new KubeError('credentials', `the credential plugin ${command} ${message}`, { cause })) }
  child.on('error', error => { fail(`could not be started: ${error.message}${installHint === '' ? '' : `; ${installHint.slice(0, 300)}`}`, error) })
  child.stdout.on('data', (piece: Buffer) => {
    bytes += piece.length
    if (bytes > maxBytes) fail(`printed more than ${maxBytes} bytes`)
    else pieces.push(piece)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { complaint = (complaint + text).slice(0, 300) })
  child.on('close', (code, killedBy) => {
    closed = true
    if (code === 0) resolve(Buffer.concat(pieces).toString('utf8'))
    else fail(`ended with ${code === null ? String(killedBy) : `code ${code}`}: ${complaint.trim()}`)
  })
  const onAbort = (): void => { reject(KubeError.from(signal.reason)) }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', onAbort)
    if (!closed) endGroup(child)
  }
}

/**
 * Nothing of the program stays: neither processes nor the pipes that they may still hold. Only for one whose pipes are not closed:
 * something of its group lives then, so the number of the group is not another's.
 */
function endGroup (child: ChildProcess): void {
  child.stdout?.destroy()
  child.stderr?.destroy()
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has ended, and nothing of its group is left.
  }
  child.unref()
}

/** @throws KubeError without a word of the answer, which may hold a secret */
function readAnswer (plugin: PluginCommand, text: string): Pick<Answer, 'credential' | 'expiresMs'> {
  const status = asObject(asObject(parseJson(text))?.['status'])
  const token = asText(status?.['token'])
  const cert = asText(status?.['clientCertificateData'])
  const key = asText(status?.['clientKeyData'])
  if (token === undefined && cert === undefined) {
    throw new KubeError('credentials', `the credential plugin ${plugin.command} printed no ExecCredential with a token or a client certificate`)
  }
  const expires = Date.parse(asText(status?.['expirationTimestamp']) ?? '')
  return { credential: { token, cert, key }, expiresMs: Number.isNaN(expires) ? Infinity : expires }
}
