/**
 * The quickstart: `npm start`. Starts four sample origins on loopback, two of each version, then Weir on
 * config/weir.yaml in front of them, and says what to try. Ends when Weir ends, with its exit code.
 *
 *     npm start -- [--port 8080] [--admin-port 9901] [--origin-port 9001] [flags of weir]
 *
 * Without a flag the environment is asked: QUICKSTART_PORT, WEIR_ADMIN_PORT, QUICKSTART_ORIGIN_PORT.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { errorText } from '../../../src/core/error-text.ts'
import { HELLO_DEFAULTS, type HelloServer, startHelloServer } from './hello-server.ts'
import {
  choosePorts, explainBusyPorts, needsOwnConfig, originsAt, ownFiles, withPorts, type QuickstartChoice, type QuickstartPorts
} from './quickstart-ports.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const LOOPBACK = '127.0.0.1'
const CONFIG = 'config/weir.yaml'

const READY_LIMIT_MS = 20_000
/** A second Ctrl-C this long after the first means it; earlier it is the same one, sent by the terminal and by npm. */
const REPEAT_MS = 1_000

/** What to do with Weir once it runs. */
export function introduction (ports: QuickstartPorts): string {
  const proxy = `http://${LOOPBACK}:${ports.proxy}`
  const admin = `http://${LOOPBACK}:${ports.admin}`
  const origins = originsAt(ports).map(({ version, port }) => `hello ${version} on ${LOOPBACK}:${port}`)
  return `
Weir is ready.
  proxy    ${proxy}/
  admin    ${admin}/v1/routes/hello
  metrics  ${admin}/metrics
  origins  ${origins.join('\n           ')}

Try this in another terminal:

  # One client stays on one version, however often it asks.
  curl ${proxy}/

  # A hundred clients are split by weight. (Linux: every address of 127.0.0.0/8 is this machine.)
  for i in $(seq 2 101); do curl -s --interface 127.0.0.$i ${proxy}/; done | cut -d' ' -f1,2 | sort | uniq -c

  # Give the new version half of the clients; nobody else moves. Then run the line above again.
  curl -X PUT ${admin}/v1/routes/hello/weights -H 'content-type: application/json' \\
    -d '{"weights":{"stable":50,"canary":50},"reason":"first try"}'

  # What the route looks like now, and what Prometheus sees.
  curl ${admin}/v1/routes/hello
  curl -s ${admin}/metrics | grep ^weir_

Ctrl-C stops everything.
`
}

/** Waits until Weir says that it is ready. False when it ended before, or did not get ready in time. */
async function waitUntilReady (weir: ChildProcess, adminPort: number): Promise<boolean> {
  const deadlineMs = performance.now() + READY_LIMIT_MS
  while (hasNotEnded(weir) && performance.now() < deadlineMs) {
    try {
      const response = await fetch(`http://${LOOPBACK}:${adminPort}/readyz`, { signal: AbortSignal.timeout(1_000) })
      await response.body?.cancel()
      if (response.ok) return true
    } catch {
      // Not listening yet.
    }
    await wait(50)
  }
  return false
}

function hasNotEnded (child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/**
 * Passes on the signals that ask the quickstart to stop. Weir runs in a process group of its own, so that a Ctrl-C reaches
 * it once, from here, and is not taken for a second one that asks it to hurry.
 */
function forwardSignals (weir: ChildProcess): void {
  let lastMs = -Infinity
  const forward = (): void => {
    if (performance.now() - lastMs < REPEAT_MS) return
    lastMs = performance.now()
    // Nobody has to notice first that Weir is going, as after SIGTERM.
    weir.kill('SIGINT')
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, forward)
  process.on('exit', () => { if (hasNotEnded(weir)) weir.kill('SIGKILL') })
}

/** The configuration with these ports. @returns its file */
async function configFor (ports: QuickstartPorts): Promise<string> {
  if (!needsOwnConfig(ports)) return CONFIG
  const { config } = ownFiles(ports)
  await mkdir(path.join(ROOT, path.dirname(config)), { recursive: true })
  await writeFile(path.join(ROOT, config), withPorts(await readFile(path.join(ROOT, CONFIG), 'utf8'), ports))
  return config
}

async function runWeir ({ ports, weirArgs }: QuickstartChoice): Promise<number> {
  const args = ['src/main.ts', 'run', '--config', await configFor(ports), ...weirArgs]
  const weir = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  const ended = once(weir, 'close')
  forwardSignals(weir)
  if (await waitUntilReady(weir, ports.admin)) {
    process.stdout.write(introduction(ports))
  } else if (hasNotEnded(weir)) {
    process.stderr.write(`quickstart: Weir was not ready after ${READY_LIMIT_MS / 1000} s; its log above says why.\n`)
    weir.kill('SIGTERM')
  }
  await ended
  return weir.exitCode ?? 1
}

/** @returns the exit code, as that of `weir`: 0 all is well, 1 failure, 2 wrong arguments */
async function main (): Promise<number> {
  let choice
  try {
    choice = choosePorts(process.argv.slice(2), process.env)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    process.stderr.write(`quickstart: ${error.message}\n`)
    return 2
  }
  const busy = await explainBusyPorts(choice.ports)
  if (busy !== undefined) {
    process.stderr.write(`${busy}\n`)
    return 1
  }
  const origins: HelloServer[] = []
  try {
    for (const origin of originsAt(choice.ports)) origins.push(await startHelloServer({ ...HELLO_DEFAULTS, ...origin, breakable: true }))
    return await runWeir(choice)
  } finally {
    await Promise.all(origins.map(async origin => { await origin.close() }))
  }
}

if (import.meta.main) {
  main().then(code => { process.exitCode = code }, (error: unknown) => {
    process.stderr.write(`quickstart: ${errorText(error)}\n`)
    process.exitCode = 1
  })
}
