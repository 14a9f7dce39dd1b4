/** What may become of requests when pods end, and what may not. */
import { readFile } from 'node:fs/promises'
import type { Test } from 'tap'
import type { LoadFailure, PacedLoad } from './paced-load.ts'
import type { Pod } from './pod.ts'
import { readJournal, type JournalEntries } from './pod-journal.ts'
import { eventually } from './weir-process.ts'

/** A configuration's access log with nothing but failures. */
export function failureLog (file: string) {
  return { mode: 'sampled', sampleRate: 0, path: file }
}

/** Every POST that was answered with 200 was executed once, and none, answered or not, more than that. */
export function executedOnce (t: Test, load: PacedLoad, journal: string): void {
  const { executions } = readJournal(journal)
  t.same([...executions].filter(([, times]) => times.length > 1), [], 'no POST was executed twice')
  t.same(load.posted.filter(path => !executions.has(path)), [], 'every POST that was answered was executed')
  t.equal(executions.size, load.posted.length + load.failed('POST').filter(({ path }) => executions.has(path)).length, 'nothing else was executed')
}

/** Nothing but 200. */
export function nothingFailed (t: Test, load: PacedLoad): void {
  t.same(load.failures, [])
  t.equal(load.sent, load.answered)
}

export interface LossScene {
  readonly load: PacedLoad
  readonly journal: string
  /** The file of `failureLog`. */
  readonly accessLog: string
  /** All that there were. */
  readonly pods: readonly Pod[]
  /** May a POST be lost with this one, as it goes before its event? */
  readonly mayLose: (pod: Pod) => boolean
}

export interface Losses {
  /** POSTs that failed at pods that closed, and what these have reset as they did. */
  readonly closed: number
  readonly resets: number
  /** POSTs that failed at pods that were killed, and how many of these were executed. */
  readonly killed: number
  readonly executed: number
}

/**
 * Nothing fails but POSTs, and each of those with 502 `upstream_reset` at a pod that was ending while the POST was under way. One that closes resets
 * what it has not read: of that, no POST is executed, and no more of them fail than it has reset connections.
 */
export async function judgeLosses (t: Test, { load, journal, accessLog, pods, mayLose }: LossScene): Promise<Losses> {
  const posts = load.failed('POST')
  const entries = readJournal(journal)
  t.same(posts.filter(({ status, what }) => status !== 502 || !what.includes('upstream_reset')), [], 'a POST that failed is a 502')
  t.equal(load.sent, load.answered + load.failures.length)
  executedOnce(t, load, journal)

  const answered = load.failures.filter(({ status }) => status !== 0)
  const logged = answered.length === 0 ? new Map<string, Logged>() : await entriesOf(answered, accessLog)
  // With what Weir logged of it, or nobody could say why.
  const others = load.failures.filter(({ method }) => method !== 'POST').map(failure => ({ ...failure, logged: logged.get(failure.path) }))
  t.same(others, [], 'no GET failed, and every client could connect')
  const podOf = (failure: LoadFailure): Pod | undefined => pods.find(({ endpoint }) => endpoint === logged.get(failure.path)?.endpoint)
  const unexplained = posts.filter(failure => {
    const pod = podOf(failure)
    return pod === undefined || !mayLose(pod) || failure.atMs < pod.endingMs || failure.beganMs > pod.goneMs
  })
  t.same(unexplained.map(failure => ({ ...failure, pod: podOf(failure)?.spec.name, endingMs: podOf(failure)?.endingMs, goneMs: podOf(failure)?.goneMs })), [], 'a POST fails only when its pod ends under it')
  const byClosing = posts.filter(failure => podOf(failure)?.signal === 'SIGTERM')
  const byKilling = posts.filter(failure => podOf(failure)?.signal === 'SIGKILL')
  t.same(byClosing.filter(({ path }) => entries.executions.has(path)), [], 'no POST failed that a pod which closed has executed')
  t.same(byClosing.map(({ path }) => logged.get(path)?.fault).filter(fault => fault !== 'ECONNRESET'), [], 'what came after the FIN of a pod that closed was sent to another one')
  for (const pod of pods) {
    const lost = byClosing.filter(failure => podOf(failure) === pod).length
    const resets = entries.resets.get(pod.spec.name) ?? 0
    if (lost > resets) t.fail(`${pod.spec.name} has reset ${resets} connections as it closed, and ${lost} POSTs were lost with it`)
  }
  return {
    closed: byClosing.length,
    resets: resetsOf(pods.filter(mayLose), entries),
    killed: byKilling.length,
    executed: byKilling.filter(({ path }) => entries.executions.has(path)).length
  }
}

function resetsOf (pods: readonly Pod[], { resets }: JournalEntries): number {
  return pods.reduce((sum, { spec }) => sum + (resets.get(spec.name) ?? 0), 0)
}

/** Of an entry of the access log. */
interface Logged {
  readonly path: string
  /** Of the last attempt. */
  readonly endpoint: string
  readonly fault: string
}

/** By path, what is logged of these. */
async function entriesOf (failures: readonly LoadFailure[], accessLog: string): Promise<ReadonlyMap<string, Logged>> {
  return await eventually(async () => {
    const lines = (await readFile(accessLog, 'utf8')).split('\n').slice(0, -1)
    // Weir's own log.
    const entries: readonly Logged[] = lines.map(line => JSON.parse(line))
    const byPath = new Map(entries.map(entry => [entry.path, entry]))
    return failures.every(({ path }) => byPath.has(path)) ? byPath : undefined
  })
}
