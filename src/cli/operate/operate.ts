/**
 * Runs a command that speaks to a running Weir.
 */
import type { Clock } from '../../core/clock.ts'
import { errorText } from '../../core/error-text.ts'
import { printable } from '../../core/logger.ts'
import { type AdminApi, answersAt, numbersAt, textAt } from './admin-api.ts'
import type { ChangeFlags } from './change-command.ts'
import { CommandError, EXIT } from './command-error.ts'
import { CommandSession } from './command-session.ts'
import { candidates, completionScript } from './completion.ts'
import {
  clientConfigPath, chooseConnection, DEFAULT_SERVER, readClientConfig, type ClientConfig, type ClientEnvironment, type Connection,
  type ConnectionFlags
} from './connection.ts'
import type { CommonFlags } from './common-flags.ts'
import { readOrder, type Order } from './program.ts'
import { cleanLine, Palette, table, type Terminal } from './terminal.ts'

export interface OperateDeps {
  readonly env: ClientEnvironment
  readonly terminal: Terminal
  readonly clock: Clock
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  readonly connect: (connection: Connection) => AdminApi
  /** Standard input. */
  readonly input: () => AsyncIterable<unknown>
}

const COMPLETION_TIMEOUT_MS = 1_000
/** As a shell says it of a program that SIGINT has ended. */
const INTERRUPTED = 130

/** @param args all after `weir` @returns the exit code */
export async function operate (args: readonly string[], deps: OperateDeps): Promise<number> {
  const { terminal } = deps
  if (args[0] === 'complete') return await complete(args.slice(args[1] === '--' ? 2 : 1), deps)
  const order = readOrder(args, { out: text => { terminal.out(text) }, complain: text => { terminal.complain(printable(text)) } })
  if (typeof order === 'number') return order
  try {
    return await carryOut(order, deps)
  } catch (error) {
    if (deps.signal.aborted) return INTERRUPTED
    const verb = 'verb' in order ? ` ${order.verb}` : ''
    terminal.complain(printable(`weir ${order.command}${verb}: ${errorText(error)}\n`))
    return error instanceof CommandError ? error.exitCode : EXIT.failed
  }
}

async function carryOut (order: Order, deps: OperateDeps): Promise<number> {
  const { terminal, env } = deps
  const warn = (text: string): void => { terminal.complain(cleanLine(text)) }
  if (order.command === 'completion') {
    terminal.out(completionScript(order.shell))
    return EXIT.ok
  }
  if (order.command === 'token') {
    const { versionToken } = await import('./token-command.ts')
    const { route, version, flags: { keyFile, expires } } = order
    const token = await versionToken({ route, version, keyFile, expiresMs: expires }, deps.clock, warn)
    terminal.out(`${token}\n`)
    return EXIT.ok
  }
  const config = await readClientConfig(env, warn)
  if (order.command === 'contexts') {
    terminal.out(contextsText(config, deps))
    return EXIT.ok
  }
  const api = deps.connect(await chooseConnection(order.flags, env, config))
  return await speak(order, sessionFor(api, order.flags, deps), deps)
}

function sessionFor (api: AdminApi, { output, timeout }: CommonFlags, { terminal, signal }: OperateDeps): CommandSession {
  return new CommandSession(api, terminal, { format: output, timeoutMs: timeout, signal })
}

type Question = Exclude<Order, { readonly command: 'completion' | 'contexts' | 'token' }>

async function speak (order: Question, session: CommandSession, deps: OperateDeps): Promise<number> {
  const { clock } = deps
  switch (order.command) {
    case 'status': {
      const { status, watchStatus } = await import('./status-command.ts')
      if (order.flags.watch === true) await watchStatus(session, order.route, { clock, intervalMs: Math.max(100, order.flags.interval) })
      else await status(session, order.route)
      return EXIT.ok
    }
    case 'replicas': {
      const { replicas } = await import('./replicas-command.ts')
      await replicas(session)
      return EXIT.ok
    }
    case 'history': {
      const { history } = await import('./history-command.ts')
      await history(session, order.route, order.flags.limit)
      return EXIT.ok
    }
    case 'explain': {
      const { explain } = await import('./explain-command.ts')
      await explain(session, order.route, order.flags)
      return EXIT.ok
    }
    case 'plan': {
      const { plan } = await import('./plan-command.ts')
      await plan(session, order.route, order.weights, order.flags.to)
      return EXIT.ok
    }
    case 'drain': {
      const { drain } = await import('./drain-command.ts')
      const { route, version, flags: { wait, waitTimeout } } = order
      return await drain(session, clock, { route, version, waitMs: wait ? waitTimeout : 0 })
    }
    case 'shadow': {
      const { shadowStatus, shadowExamples } = await import('./shadow-command.ts')
      await (order.verb === 'status' ? shadowStatus : shadowExamples)(session, order.route)
      return EXIT.ok
    }
    case 'rollout': return await speakOfRollout(order, session, deps)
    case 'list': {
      const { list } = await import('./list-command.ts')
      await list(session, order, deps.input)
      return EXIT.ok
    }
    case 'verdict': {
      const { showVerdict } = await import('./rollout-status-command.ts')
      return await showVerdict(session, order.route)
    }
    default: return await change(order, session)
  }
}

async function speakOfRollout (
  order: Extract<Order, { readonly command: 'rollout' }>, session: CommandSession, { clock, input }: OperateDeps
): Promise<number> {
  const { route } = order
  switch (order.verb) {
    case 'status': {
      const { rolloutStatus } = await import('./rollout-status-command.ts')
      return await rolloutStatus(session, clock, { route, watch: order.flags.watch, timeoutMs: order.flags.waitTimeout })
    }
    case 'watch': {
      const { watchRollout } = await import('./rollout-watch-command.ts')
      await watchRollout(session, route, { clock, intervalMs: Math.max(100, order.flags.interval) })
      return EXIT.ok
    }
    case 'report': {
      const { showRolloutReport } = await import('./rollout-report-command.ts')
      await showRolloutReport(session, route)
      return EXIT.ok
    }
    case 'start': {
      const { readPlanFlags } = await import('./plan-words.ts')
      const { steerRollout } = await import('./rollout-command.ts')
      return await steerRollout(session, { route, verb: 'start', body: await readPlanFlags(order.flags, input) }, changeFlags(order.flags))
    }
    default: {
      const { steerRollout } = await import('./rollout-command.ts')
      const body = order.flags.full === true ? { full: true } : {}
      return await steerRollout(session, { route, verb: order.verb, body }, changeFlags(order.flags))
    }
  }
}

function changeFlags ({ reason, ifEpoch, wait, waitTimeout }: Change['flags']): ChangeFlags {
  return { reason, ifEpoch, wait, waitTimeoutMs: waitTimeout }
}

type Change = Extract<Order, { readonly command: 'weights' | 'switch' | 'undo' }>

async function change (order: Change, session: CommandSession): Promise<number> {
  const { parseWeights, setWeights, switchTo, undo } = await import('./change-command.ts')
  const flags = changeFlags(order.flags)
  switch (order.command) {
    case 'weights': return await setWeights(session, order.route, parseWeights(order.weights), flags)
    case 'switch': return await switchTo(session, order.route, order.version, flags)
    default: return await undo(session, order.route, order.flags.to, flags)
  }
}

function contextsText (config: ClientConfig | undefined, { env, terminal }: OperateDeps): string {
  if (config === undefined || config.contexts.size === 0) {
    return `There are no contexts; ${clientConfigPath(env) ?? 'a file named by WEIR_CLIENT_CONFIG'} would have them. Without one the server is ${DEFAULT_SERVER}.\n`
  }
  const rows = [...config.contexts].map(([name, { server, token, tokenFile }]) => [
    name === config.current ? '*' : '', name, server ?? DEFAULT_SERVER, tokenFile ?? (token === undefined ? '-' : '(in the file)')
  ])
  return table(['CURRENT', 'NAME', 'SERVER', 'TOKEN'], rows, new Palette(terminal.colours))
}

/** Nothing is said of what fails: the words are not finished. */
async function complete (words: readonly string[], deps: OperateDeps): Promise<number> {
  const { terminal, env, signal } = deps
  const config = await readClientConfig(env, () => {}).catch(() => undefined)
  const read = async (path: string) => {
    const api = deps.connect(await chooseConnection(connectionWords(words), env, config))
    try {
      return await api.ask({ path, timeoutMs: COMPLETION_TIMEOUT_MS, signal })
    } catch {
      return {}
    }
  }
  const routes = async () => answersAt(await read('/v1/routes'), 'routes')
  const found = await candidates(words, {
    routes: async () => (await routes()).flatMap(route => textAt(route, 'name') ?? []),
    versions: async name => {
      const route = (await routes()).find(each => textAt(each, 'name') === name)
      return numbersAt(route, 'weights').map(([version]) => version)
    },
    lists: async route => answersAt(await read(`/v1/routes/${encodeURIComponent(route)}/lists`), 'lists').flatMap(list => textAt(list, 'name') ?? []),
    contexts: async () => [...config?.contexts.keys() ?? []]
  }).catch(() => [])
  terminal.out(found.map(name => `${printable(name)}\n`).join(''))
  return EXIT.ok
}

/** The flags among words that are not finished yet. */
function connectionWords (words: readonly string[]): ConnectionFlags {
  const valueOf = (...names: readonly string[]): string | undefined => words.find((_word, index) => names.includes(words[index - 1] ?? ''))
  return { server: valueOf('-s', '--server'), tokenFile: valueOf('--token-file'), context: valueOf('--context') }
}
