/**
 * Whole conversations at random against a running data plane. Several are held at a time, each in a lane of its own.
 */
import fc from 'fast-check'
import { DataPlaneHost, type ConversationHost } from './conversation-host.ts'
import { judge } from './conversation-judge.ts'
import { ConversationLane, type ConversationRecord } from './conversation-lane.ts'
import { anyConversation, type ConversationPlan } from './conversation-plan.ts'
import type { FuzzCheck, FuzzLimits } from './fuzz-check.ts'
import { OpenSockets } from './open-sockets.ts'
import { WorkerHost } from './worker-host.ts'

/** Of a longer text only the two ends are shown. */
const SHOWN_CHARS = 800

function shorten (text: string): string {
  const half = SHOWN_CHARS / 2
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, half)} …(${text.length - SHOWN_CHARS} more)… ${text.slice(-half)}`
}

function quote (bytes: Buffer): string {
  return JSON.stringify(shorten(bytes.toString('latin1')))
}

/** All bytes of a conversation. */
function show ({ clients, attempts }: ConversationRecord): string {
  return [
    ...clients.map(({ address, written, received, ended, plan }) => `  client ${address} (${plan.ending}, ended by ${ended})\n    sent ${quote(written)}\n    got  ${quote(received)}`),
    ...attempts.map(({ serial, connection, received, sent, ended }) => `  origin, request ${serial} on connection ${connection} (${ended})\n    got  ${quote(received)}\n    sent ${quote(sent)}`)
  ].join('\n')
}

/** What fast-check has found, with how to find it again. */
function report (words: string, { seed, counterexamplePath, counterexample, errorInstance, numRuns }: fc.RunDetails<[ConversationPlan]>): string {
  const plan = JSON.stringify(counterexample, (_, value: unknown) => typeof value === 'string' ? shorten(value) : value)
  return `after ${numRuns} conversations; again with\n  FUZZ_SEED=${seed} FUZZ_PATH=${counterexamplePath ?? ''} npm run fuzz -- "${words}"\n  plan ${plan}\n` +
    (errorInstance instanceof Error ? errorInstance.message : String(errorInstance))
}

/** Where and how conversations are held. */
interface Setting {
  /** What tells the property from the others. */
  readonly words: string
  readonly lanes: number
  readonly start: () => Promise<ConversationHost>
  readonly plans: fc.Arbitrary<ConversationPlan>
}

async function runLane ({ words, start, plans }: Setting, limits: FuzzLimits, watch: { readonly crashes: readonly unknown[], readonly count: () => void }): Promise<void> {
  const lane = await ConversationLane.start(await start())
  const { crashes, count } = watch
  const property = fc.asyncProperty(plans, async plan => {
    count()
    const before = crashes.length
    const record = await lane.hold(plan)
    const wrong = crashes.length > before ? `an exception that nobody caught, here or in another lane: ${String(crashes.at(-1))}` : judge(record)
    if (wrong !== undefined) throw new Error(`${shorten(wrong)}\n${show(record)}`)
  })
  const { seed, runs, timeMs, path } = limits
  try {
    const details = await fc.check(property, {
      seed,
      ...(path === undefined ? {} : { path }),
      numRuns: runs ?? Number.MAX_SAFE_INTEGER,
      ...(timeMs === undefined ? {} : { interruptAfterTimeLimit: timeMs, markInterruptAsFailure: false })
    })
    // A lane that had no time for even one is no failure of Weir; who asks for the checks counts what was tried.
    if (details.failed && details.counterexample !== null) throw new Error(report(words, details))
  } finally {
    await lane.end()
  }
}

/** Each lane has its own seed, the first one that of the run; a path belongs to one seed. */
async function runLanes (setting: Setting, { seed, runs, timeMs, path }: FuzzLimits): Promise<number> {
  const crashes: unknown[] = []
  const onCrash = (error: unknown): void => { crashes.push(error instanceof Error ? error.stack ?? error : error) }
  const lanes = path === undefined ? setting.lanes : 1
  const sockets = new OpenSockets()
  let tried = 0
  process.on('uncaughtException', onCrash)
  try {
    const outcomes = await Promise.allSettled(Array.from({ length: lanes }, async (_, index) => {
      await runLane(setting, {
        seed: seed + index,
        ...(runs === undefined ? {} : { runs: Math.ceil(runs / lanes) }),
        ...(timeMs === undefined ? {} : { timeMs }),
        ...(path === undefined ? {} : { path })
      }, { crashes, count: () => { tried++ } })
    }))
    const failed = outcomes.find(outcome => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    await sockets.assertClosed()
  } finally {
    process.off('uncaughtException', onCrash)
  }
  return tried
}

const IN_THIS_THREAD: Setting = { words: 'data plane', lanes: 16, start: async () => await DataPlaneHost.start(), plans: anyConversation }

/**
 * Another thread is not still because this one is: surplus that comes late could meet the next request, which nobody can
 * tell from an answer to it, and a timeout may come while everybody behaves.
 */
const IN_A_WORKER: Setting = {
  words: 'worker thread',
  lanes: 2,
  start: async () => await WorkerHost.start(),
  plans: anyConversation.map(plan => ({
    ...plan, clean: false, answers: plan.answers.map(answer => answer.surplus === 'late' ? { ...answer, surplus: 'none' } : answer)
  }))
}

export const conversationChecks: readonly FuzzCheck[] = [
  { name: 'in a conversation with a data plane nobody sees what was not sent to him', runs: 1_500, share: 6, run: async limits => await runLanes(IN_THIS_THREAD, limits) },
  { name: 'in a conversation with a worker thread nobody sees what was not sent to him', runs: 60, share: 2, run: async limits => await runLanes(IN_A_WORKER, limits) }
]
