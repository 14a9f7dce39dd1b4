/**
 * `npm run lab`: the walk-through of docs/lab.md on this machine, in some 20 seconds. Pods are processes (hello-server.ts), the API server
 * is the double that the tests have, Deployments and Services are played by the lab's own controller, and Weir is Weir.
 *
 *     npm run lab [-- --clients 100]
 *
 * Ends with 0 when every request was answered and every share was right, with 1 when not, 2 for wrong arguments, and 130 after a Ctrl-C.
 */
import { parseArgs } from 'node:util'
import { errorText } from '../../../src/core/error-text.ts'
import { LabCleanups } from './lab-cleanups.ts'
import { startCluster } from './lab-cluster.ts'
import { LabFrontend, MAX_CLIENTS, MIN_CLIENTS } from './lab-frontend.ts'
import { LabPrinter } from './lab-printer.ts'
import { LabStage } from './lab-stage.ts'
import { LAB_STEPS } from './lab-walk.ts'

/** Far longer than it takes; what hangs has to end too. */
const LIMIT_MS = 300_000
const REPEAT_MS = 1_000

const HELP = `npm run lab: the course lab with Weir as its frontend, played on this machine. docs/lab.md goes through it.

  --clients 100   how many clients there are, from ${MIN_CLIENTS} to ${MAX_CLIENTS}, each with an address of its own; docs/lab.md shows what 100 get

NO_COLOR=1 leaves out colours. HELLO_ERROR_RATE=0.01 makes one answer in a hundred fail: see what the lab says then.
`

/** The signals that ask it to end, with the exit code of each. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** Why the lab ends before its end. */
class Ended extends Error {
  readonly code: number

  constructor (message: string, code: number) {
    super(message)
    this.code = code
  }
}

interface LabRun {
  readonly print: LabPrinter
  readonly cleanups: LabCleanups
  readonly signal: AbortSignal
}

/** @returns the exit code */
async function runLab (clients: number, { print, cleanups, signal }: LabRun): Promise<number> {
  const beganMs = performance.now()
  print.say('The course lab, on this machine: processes for pods, a double for the API server, a small controller for Deployments and Services.')
  const cluster = await startCluster(cleanups)
  const openFrontend = async (): Promise<LabFrontend> => await LabFrontend.start(cluster, clients, cleanups)
  const stage = new LabStage(cluster, { print, signal, openFrontend })
  for (const [index, { title, run }] of LAB_STEPS.entries()) {
    print.heading(index + 1, title)
    try {
      await run(stage)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      print.fail(errorText(error))
      for (const pod of cluster.controller.lost) print.fact(`a pod ended by itself: ${pod}`)
      for (const line of stage.complaints) print.fact(line)
      print.say(`\nThe lab has failed in step ${index + 1}, ${title}.`)
      return 1
    }
  }
  return await conclude(stage, beganMs)
}

async function conclude ({ frontend, print }: LabStage, beganMs: number): Promise<number> {
  const { sent, failed } = frontend.clients
  const counted = await frontend.untilCounted(sent)
  const code = await frontend.stop()
  const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1)
  print.say(`\n${sent} requests sent, ${failed} failed, ${counted} counted by Weir, in ${seconds} s. Weir ended with ${code}.`)
  return code === 0 && failed === 0 ? 0 : 1
}

/**
 * Aborted by the signals that ask the lab to end, when nobody reads what it prints any more, and when it takes far too long.
 * A second signal ends it at once; one that comes within a second is the same Ctrl-C, passed on by npm.
 */
function endSignal (): AbortSignal {
  const controller = new AbortController()
  let firstMs = Number.POSITIVE_INFINITY
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (performance.now() > firstMs + REPEAT_MS) process.exit(SIGNALS[name])
      firstMs = Math.min(firstMs, performance.now())
      controller.abort(new Ended(`ended by ${name}`, SIGNALS[name]))
    })
  }
  process.stdout.on('error', () => { controller.abort(new Ended('nobody reads what it prints', 1)) })
  const limit = setTimeout(() => { controller.abort(new Ended(`it takes longer than ${LIMIT_MS / 1_000} s`, 1)) }, LIMIT_MS)
  limit.unref()
  return controller.signal
}

async function main (): Promise<number> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' }, clients: { type: 'string', default: '100' } } })
  if (values.help === true) {
    process.stdout.write(HELP)
    return 0
  }
  const clients = Number(values.clients)
  if (!(Number.isInteger(clients) && clients >= MIN_CLIENTS && clients <= MAX_CLIENTS)) {
    process.stderr.write(`lab: --clients has to be a number from ${MIN_CLIENTS} to ${MAX_CLIENTS}, and ${JSON.stringify(values.clients.slice(0, 40))} is not\n`)
    return 2
  }
  if (process.platform !== 'linux') {
    process.stderr.write('lab: needs Linux, where every address of 127.0.0.0/8 is this machine: each client and each pod has one of its own.\n')
    return 1
  }
  const cleanups = new LabCleanups()
  const signal = endSignal()
  const ended = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => { reject(signal.reason instanceof Error ? signal.reason : new Error('it was ended')) })
  })
  try {
    return await Promise.race([runLab(clients, { print: new LabPrinter(process.stdout), cleanups, signal }), ended])
  } catch (error) {
    if (!(error instanceof Ended)) throw error
    process.stderr.write(`lab: ${error.message}\n`)
    return error.code
  } finally {
    for (const failure of await cleanups.run()) process.stderr.write(`lab: ${errorText(failure)}\n`)
    // What was on its way when it was ended would keep the process.
    if (signal.aborted) setTimeout(() => { process.exit() }, 0)
  }
}

if (import.meta.main) {
  main().then(code => { process.exitCode = code }, (error: unknown) => {
    process.stderr.write(`lab: ${errorText(error)}\n`)
    process.exitCode = error instanceof TypeError && 'code' in error ? 2 : 1
  })
}
