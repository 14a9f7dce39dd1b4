/**
 * The quickstart: `npm start`. Starts four sample origins on loopback, two of each version, then Weir on
 * config/weir.yaml in front of them, and says what to try. Ends when Weir ends, with its exit code.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { HELLO_DEFAULTS, type HelloServer, startHelloServer } from './hello-server.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const LOOPBACK = '127.0.0.1'

// These agree with config/weir.yaml; test/unit/deploy/quickstart.test.ts holds them together.
export const PROXY_PORT = 8080
export const ADMIN_PORT = 9901
export const ORIGINS = [
  { version: '1.0.0', port: 9001 },
  { version: '1.0.0', port: 9002 },
  { version: '2.0.0', port: 9003 },
  { version: '2.0.0', port: 9004 }
] as const

const READY_LIMIT_MS = 20_000
/** A second Ctrl-C this long after the first means it; earlier it is the same one, sent by the terminal and by npm. */
const REPEAT_MS = 1_000

/** Which of the ports another program holds. */
export async function findBusyPorts (ports: readonly number[]): Promise<number[]> {
  const busy = await Promise.all(ports.map(async port => {
    const probe = net.createServer()
    try {
      probe.listen(port, LOOPBACK)
      await once(probe, 'listening')
      return []
    } catch {
      return [port]
    } finally {
      probe.close()
    }
  }))
  return busy.flat()
}

/** What to tell the user when ports are taken. */
export function busyPortsMessage (ports: readonly number[]): string {
  const several = ports.length > 1
  return `quickstart: another program uses port${several ? 's' : ''} ${ports.join(', ')} on ${LOOPBACK}, ` +
    `which the quickstart needs. Stop ${several ? 'those programs' : 'that program'} (\`ss -ltnp\` or \`lsof -iTCP -sTCP:LISTEN\` ` +
    'shows which), or run Weir on a configuration of your own: `npx weir run --config FILE`.'
}

/** What to do with Weir once it runs. */
export function introduction (): string {
  const proxy = `http://${LOOPBACK}:${PROXY_PORT}`
  const admin = `http://${LOOPBACK}:${ADMIN_PORT}`
  const origins = ORIGINS.map(({ version, port }) => `hello ${version} on ${LOOPBACK}:${port}`)
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
async function waitUntilReady (weir: ChildProcess): Promise<boolean> {
  const deadlineMs = performance.now() + READY_LIMIT_MS
  while (hasNotEnded(weir) && performance.now() < deadlineMs) {
    try {
      const response = await fetch(`http://${LOOPBACK}:${ADMIN_PORT}/readyz`, { signal: AbortSignal.timeout(1_000) })
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

async function runWeir (args: readonly string[]): Promise<number> {
  const weir = spawn(process.execPath, ['src/main.ts', 'run', '--config', 'config/weir.yaml', ...args], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  const ended = once(weir, 'close')
  forwardSignals(weir)
  if (await waitUntilReady(weir)) {
    process.stdout.write(introduction())
  } else if (hasNotEnded(weir)) {
    process.stderr.write(`quickstart: Weir was not ready after ${READY_LIMIT_MS / 1000} s; its log above says why.\n`)
    weir.kill('SIGTERM')
  }
  await ended
  return weir.exitCode ?? 1
}

async function main (): Promise<number> {
  const busy = await findBusyPorts([PROXY_PORT, ADMIN_PORT, ...ORIGINS.map(({ port }) => port)])
  if (busy.length > 0) {
    process.stderr.write(busyPortsMessage(busy) + '\n')
    return 1
  }
  const origins: HelloServer[] = []
  try {
    for (const origin of ORIGINS) origins.push(await startHelloServer({ ...HELLO_DEFAULTS, ...origin }))
    return await runWeir(process.argv.slice(2))
  } finally {
    await Promise.all(origins.map(async origin => { await origin.close() }))
  }
}

if (import.meta.main) {
  main().then(code => { process.exitCode = code }, (error: unknown) => {
    process.stderr.write(`quickstart: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}
