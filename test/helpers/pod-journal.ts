/**
 * What pods write down before they answer, so that it is known however they die: one line for each POST that they execute, and
 * one when they close.
 */
import { appendFileSync, readFileSync } from 'node:fs'

const CLOSED = 'closed'

/** A POST is executed: on the so-manieth connection that the pod has accepted. */
export function noteExecution (journal: string, { path, pod, connection }: { readonly path: string, readonly pod: string, readonly connection: number }): void {
  appendFileSync(journal, `${path} ${pod} ${connection}\n`)
}

/** A pod has closed, and the kernel has sent so many resets meanwhile. */
export function noteClose (journal: string, pod: string, resets: number): void {
  appendFileSync(journal, `${CLOSED} ${pod} ${resets}\n`)
}

interface Execution {
  readonly pod: string
  readonly connection: number
}

export interface JournalEntries {
  /** By the path of the POST: each time that it was executed. */
  readonly executions: ReadonlyMap<string, readonly Execution[]>
  /** By the name of the pod: what `noteClose` wrote. */
  readonly resets: ReadonlyMap<string, number>
}

export function readJournal (journal: string): JournalEntries {
  const executions = new Map<string, Execution[]>()
  const resets = new Map<string, number>()
  for (const line of readFileSync(journal, 'utf8').split('\n')) {
    const [what = '', pod = '', number = ''] = line.split(' ')
    if (what === '') continue
    if (what === CLOSED) resets.set(pod, Number(number))
    else executions.set(what, [...executions.get(what) ?? [], { pod, connection: Number(number) }])
  }
  return { executions, resets }
}
