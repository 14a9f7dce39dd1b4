/**
 * The commands that speak to a running Weir, with their arguments. Loading this file loads commander, and little else: what a command needs
 * more is loaded when it runs.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { parseDurationMs } from '../../core/duration.ts'
import { DEFAULT_SERVER } from './connection.ts'
import { flagsOf, type CommonFlags } from './common-flags.ts'
import { addLists, type ListOrder } from './list-arguments.ts'
import type { PlanFlags } from './plan-words.ts'
import { ROLLOUT_ACTIONS } from './rollout-actions.ts'
import { OUTPUTS } from './terminal.ts'

interface ChangeOptions extends CommonFlags {
  readonly reason?: string
  readonly ifEpoch?: number
  readonly wait: boolean
  readonly waitTimeout: number
}

/** A command with its arguments, read and checked as far as the command line can. */
export type Order =
  | ListOrder
  | {
    readonly command: 'status'
    readonly route: string | undefined
    readonly flags: CommonFlags & { readonly watch?: true, readonly interval: number }
  }
  | { readonly command: 'weights', readonly route: string, readonly weights: readonly string[], readonly flags: ChangeOptions }
  | { readonly command: 'switch', readonly route: string, readonly version: string, readonly flags: ChangeOptions }
  | { readonly command: 'undo', readonly route: string, readonly flags: ChangeOptions & { readonly to?: number } }
  | {
    readonly command: 'plan'
    readonly route: string
    readonly weights: readonly string[]
    readonly flags: CommonFlags & { readonly to?: string }
  }
  | { readonly command: 'history', readonly route: string, readonly flags: CommonFlags & { readonly limit: number } }
  | {
    readonly command: 'explain'
    readonly route: string
    readonly flags: CommonFlags & {
      readonly requestId?: string
      readonly ip?: string
      readonly method?: string
      readonly host?: string
      readonly path?: string
      readonly header: readonly string[]
      readonly cookie: readonly string[]
      readonly list: readonly string[]
    }
  }
  | {
    readonly command: 'drain'
    readonly route: string
    readonly version: string
    readonly flags: CommonFlags & { readonly wait: boolean, readonly waitTimeout: number }
  }
  | { readonly command: 'rollout', readonly verb: 'report', readonly route: string, readonly flags: CommonFlags }
  | { readonly command: 'rollout', readonly verb: 'start', readonly route: string, readonly flags: ChangeOptions & PlanFlags }
  | {
    readonly command: 'rollout'
    readonly verb: typeof ROLLOUT_ACTIONS[number]
    readonly route: string
    readonly flags: ChangeOptions & { readonly full?: true }
  }
  | {
    readonly command: 'rollout'
    readonly verb: 'status'
    readonly route: string
    readonly flags: CommonFlags & { readonly watch: boolean, readonly waitTimeout: number | undefined }
  }
  | {
    readonly command: 'rollout'
    readonly verb: 'watch'
    readonly route: string
    readonly flags: CommonFlags & { readonly interval: number }
  }
  | { readonly command: 'verdict', readonly route: string, readonly flags: CommonFlags }
  | { readonly command: 'replicas', readonly flags: CommonFlags }
  | { readonly command: 'shadow', readonly verb: 'status' | 'examples', readonly route: string, readonly flags: CommonFlags }
  | {
    readonly command: 'token'
    readonly route: string
    readonly version: string
    readonly flags: { readonly keyFile: string, readonly expires: number }
  }
  | { readonly command: 'contexts', readonly flags: CommonFlags }
  | { readonly command: 'completion', readonly shell: string }

/** Where the text of a help or a fault goes. */
export interface ProgramOutput {
  out (text: string): void
  complain (text: string): void
}

const AFTER_HELP = `
Which Weir: --server, WEIR_SERVER, or a context of ~/.config/weir/config.yaml (XDG_CONFIG_HOME; WEIR_CLIENT_CONFIG names another file):

  current: lab
  contexts:
    lab: { server: "${DEFAULT_SERVER}", tokenFile: ~/weir-token }

Exit codes: 0 done, 1 refused or failed, 2 wrong arguments, 3 not in time (a change that not all have applied yet, a version that is not safe, a
rollout that is not over, a verdict that is undecided), 4 the rollout failed or was aborted.
`

/** The commands, whose actions give their order to `take`. */
export function createProgram (output: ProgramOutput, take: (order: Order) => void): Command {
  const program = new Command('weir')
  program.exitOverride().configureOutput({
    writeOut: output.out, writeErr: output.complain, outputError: (text, write) => { write(text.replace(/^error: /, '')) }
  })
  program.helpCommand(false)
  program.showHelpAfterError('Try: weir help')
  addReading(program, take)
  addChanges(program, take)
  addRollouts(program, take)
  addLists(program, take)
  addCluster(program, take)
  addShadow(program, take)
  program.addCommand(new Command('contexts').description('list the contexts of the client\'s file').action((_options, command: Command) => {
    take({ command: 'contexts', flags: flagsOf(command) })
  }))
  program.addCommand(new Command('completion').description('print a script that completes weir\'s commands in a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action((shell: string) => { take({ command: 'completion', shell }) }))
  addTokens(program, take)
  for (const command of program.commands) finish(command)
  return program
}

/** The settings of the program do not reach commands that were made apart. */
function finish (command: Command): void {
  command.copyInheritedSettings(command.parent ?? command)
  for (const below of command.commands) finish(below)
  if (command.name() === 'completion' || command.parent?.name() === 'token' || command.commands.length > 0) return
  command.addOption(new Option('-s, --server <url>', `the admin API; environment WEIR_SERVER; by default that of the context, else ${DEFAULT_SERVER}`))
    .addOption(new Option('--token-file <file>', 'the file with the token; environment WEIR_TOKEN_FILE'))
    .addOption(new Option('--token <token>', 'the token itself, which others may see in the list of processes; environment WEIR_TOKEN').conflicts('tokenFile'))
    .addOption(new Option('--context <name>', 'a context of the client\'s file; environment WEIR_CONTEXT'))
    .addOption(new Option('-o, --output <format>', 'how to print').choices(OUTPUTS).default('table'))
    .addHelpText('after', AFTER_HELP)
  if (command.options.some(({ long }) => long === TIMEOUT)) return
  const timeout = new Option(`${TIMEOUT} <duration>`, 'the longest that an answer may take')
  command.addOption(timeout.argParser(duration).default(ANSWER_MS, '10s'))
}

const TIMEOUT = '--timeout'
/** The longest that an answer may take. */
const ANSWER_MS = 10_000

function addReading (program: Command, take: (order: Order) => void): void {
  program.addCommand(new Command('status').description('show the routes with their weights, or one route with its versions and endpoints')
    .argument('[route]')
    .addOption(new Option('-w, --watch', 'look again and again, until Ctrl-C'))
    .addOption(new Option('--interval <duration>', 'how often --watch looks').argParser(duration).default(2_000, '2s'))
    .action((route: string | undefined, _options, command: Command) => { take({ command: 'status', route, flags: flagsOf(command) }) }))
  program.addCommand(historyCommand(take))
  program.addCommand(new Command('explain').description('say which version a request gets, and why').argument('<route>')
    .addOption(new Option('--request-id <id>', 'a request that was served: the X-Request-Id of its response'))
    .addOption(new Option('--ip <address>', 'the address of a client'))
    .addOption(new Option('--method <method>', 'by default GET'))
    .addOption(new Option('--host <host>', 'the host that it asks for'))
    .addOption(new Option('--path <path>', 'with its query; by default /'))
    .addOption(new Option('-H, --header <field>', 'a field as name:value; may be given several times').argParser(collect).default([], 'none'))
    .addOption(new Option('--cookie <pair>', 'a cookie as name=value; may be given several times').argParser(collect).default([], 'none'))
    .addOption(new Option('--list <member>', 'a member of a list, as list=id: who asks; may be given several times').argParser(collect).default([], 'none'))
    .action((route: string, _options, command: Command) => { take({ command: 'explain', route, flags: flagsOf(command) }) }))
  program.addCommand(new Command('plan').description('say what a change of weights would move, without making it')
    .argument('<route>').argument('[weights...]', 'such as stable=50 canary=50')
    .addOption(new Option('--to <version>', 'instead of weights: the version that would get all traffic'))
    .action((route: string, weights: string[], _options, command: Command) => {
      take({ command: 'plan', route, weights, flags: flagsOf(command) })
    }))
  program.addCommand(new Command('drain').description('say whether a version may be scaled down').argument('<route>').argument('<version>')
    .addOption(new Option('--wait', 'wait until it may').default(false))
    .addOption(new Option('--wait-timeout <duration>', 'the longest that --wait waits').argParser(duration).default(300_000, '5m'))
    .action((route: string, version: string, _options, command: Command) => {
      take({ command: 'drain', route, version, flags: flagsOf(command) })
    }))
}

/** They speak to nobody. */
function addTokens (program: Command, take: (order: Order) => void): void {
  const token = new Command('token').helpCommand(false).description('sign what Weir believes')
  token.addCommand(new Command('version').argument('<route>').argument('<version>')
    .description('print an override: with it in X-Weir-Version, or in the cookie weir-version, a request to the route gets the version')
    .requiredOption('--key-file <file>', 'a file of overrides.keyFiles; its first key signs')
    .addOption(new Option('--expires <duration>', 'how long it counts, at most 720h').argParser(duration).default(3_600_000, '1h'))
    .action((route: string, version: string, _options, command: Command) => {
      take({ command: 'token', route, version, flags: flagsOf(command) })
    }))
  program.addCommand(token)
}

function addCluster (program: Command, take: (order: Order) => void): void {
  program.addCommand(new Command('replicas').description('list the replicas, and how far each is behind').action((_options, command: Command) => {
    take({ command: 'replicas', flags: flagsOf(command) })
  }))
}

function addShadow (program: Command, take: (order: Order) => void): void {
  const shadow = new Command('shadow').helpCommand(false).description('say what has come of copies of requests')
  shadow.addCommand(new Command('status').argument('<route>').description('how many were copied, and what the answers were like')
    .action((route: string, _options, command: Command) => {
      take({ command: 'shadow', verb: 'status', route, flags: flagsOf(command) })
    }))
  shadow.addCommand(new Command('examples').argument('<route>').description('the latest that were answered differently')
    .action((route: string, _options, command: Command) => {
      take({ command: 'shadow', verb: 'examples', route, flags: flagsOf(command) })
    }))
  program.addCommand(shadow)
}

function addChanges (program: Command, take: (order: Order) => void): void {
  program.addCommand(changing(new Command('weights')).description('set the weights of a route, such as stable=75 canary=25')
    .argument('<route>').argument('<weights...>')
    .action((route: string, weights: string[], _options, command: Command) => {
      take({ command: 'weights', route, weights, flags: flagsOf(command) })
    }))
  program.addCommand(changing(new Command('switch')).description('send all traffic of a route to one version')
    .argument('<route>').argument('<version>')
    .action((route: string, version: string, _options, command: Command) => {
      take({ command: 'switch', route, version, flags: flagsOf(command) })
    }))
  program.addCommand(undoCommand(take))
}

function historyCommand (take: (order: Order) => void): Command {
  return new Command('history').description('show who changed a route, when and why').argument('<route>')
    .addOption(new Option('--limit <number>', 'how many changes').argParser(wholeNumber).default(20))
    .action((route: string, _options, command: Command) => { take({ command: 'history', route, flags: flagsOf(command) }) })
}

function undoCommand (take: (order: Order) => void): Command {
  return changing(new Command('undo')).description('return to the weights before the latest change, or to those of a revision')
    .argument('<route>')
    .addOption(new Option('--to <revision>', 'the revision of the history').argParser(wholeNumber))
    .action((route: string, _options, command: Command) => { take({ command: 'undo', route, flags: flagsOf(command) }) })
}

/** In the manner of kubectl rollout. */
function addRollouts (program: Command, take: (order: Order) => void): void {
  const rollout = new Command('rollout').helpCommand(false)
    .description('move traffic to a new version step by step, judged by its own answers')
  rollout.addCommand(changing(new Command('start')).argument('<route>')
    .description('start a rollout, by the plan of the configuration or of the flags')
    .addOption(new Option('--to <version>', 'the new version'))
    .addOption(new Option('--from <version>', 'the version that it is compared with, and that traffic comes from'))
    .addOption(new Option('--preset <name>', 'which steps, where none are given').choices(['canary', 'blue-green', 'a-b']))
    .addOption(new Option('--for <time>', 'how long an a-b lasts, such as 1h'))
    .addOption(new Option('--match <condition>', "who gets the new version in an a-b, such as 'header x-beta=1'"))
    .addOption(new Option('--preview <condition>', 'who gets the new version before a blue-green switches'))
    .addOption(new Option('--steps <list>', "such as '5, analyse 2m, 25, pause 10m, 50, pause, ramp 100 over 10m'"))
    .addOption(new Option('--plan <file>', 'a plan in YAML or JSON; - is standard input. Flags win over it'))
    .action((route: string, _options, command: Command) => { take({ command: 'rollout', verb: 'start', route, flags: flagsOf(command) }) }))
  rollout.addCommand(new Command('status').description('wait until it is over, and say how').argument('<route>')
    .addOption(new Option('-w, --watch [boolean]', 'wait; --watch=false looks once').choices(['true', 'false']).default('true'))
    .addOption(new Option(`${TIMEOUT} <duration>`, 'the longest to wait; by default as long as it takes').argParser(duration))
    .action((route: string, _options, command: Command) => {
      const { watch, timeout: waitTimeout, ...flags } = flagsOf<StatusOptions>(command)
      take({ command: 'rollout', verb: 'status', route, flags: { ...flags, timeout: ANSWER_MS, watch: watch !== 'false', waitTimeout } })
    }))
  rollout.addCommand(new Command('watch').description('show the route and its rollout live, until Ctrl-C').argument('<route>')
    .addOption(new Option('--interval <duration>', 'how often to look').argParser(duration).default(1_000, '1s'))
    .action((route: string, _options, command: Command) => { take({ command: 'rollout', verb: 'watch', route, flags: flagsOf(command) }) }))
  rollout.addCommand(new Command('report').argument('<route>')
    .description('put both versions side by side: requests, clients, errors, times')
    .action((route: string, _options, command: Command) => {
      take({ command: 'rollout', verb: 'report', route, flags: flagsOf(command) })
    }))
  for (const verb of ROLLOUT_ACTIONS) {
    const command = changing(new Command(verb)).description(ACTION_HELP[verb]).argument('<route>')
    if (verb === 'promote') command.addOption(new Option('--full', 'all the way at once, whatever steps are left'))
    command.action((route: string) => { take({ command: 'rollout', verb, route, flags: flagsOf(command) }) })
    rollout.addCommand(command)
  }
  // Whoever knows kubectl looks for them here.
  rollout.addCommand(undoCommand(take)).addCommand(historyCommand(take))
  program.addCommand(rollout)
  program.addCommand(new Command('verdict').description('say whether the new version is good, in numbers').argument('<route>')
    .action((route: string, _options, command: Command) => { take({ command: 'verdict', route, flags: flagsOf(command) }) }))
}

interface StatusOptions extends Omit<CommonFlags, 'timeout'> {
  readonly watch: string | true
  readonly timeout?: number
}

const ACTION_HELP: Readonly<Record<typeof ROLLOUT_ACTIONS[number], string>> = {
  pause: 'stay at the weights of now',
  resume: 'go on',
  promote: 'go to the next step, whatever this one waits for',
  abort: 'go back to the weights from before',
  retry: 'begin it again, after it failed or was aborted'
}

function changing (command: Command): Command {
  return command
    .addOption(new Option('-r, --reason <text>', 'why, in one line, for the history'))
    .addOption(new Option('--if-epoch <number>', 'only while the route is at this epoch, as weir status shows it').argParser(wholeNumber))
    .addOption(new Option('--no-wait', 'do not wait until all have applied it'))
    .addOption(new Option('--wait-timeout <duration>', 'the longest to wait for that, at most 30s').argParser(duration).default(5_000, '5s'))
}

function duration (text: string): number {
  try {
    return parseDurationMs(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

function wholeNumber (text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It has to be a whole number.')
}

function collect (text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}

/**
 * Reads the arguments.
 * @returns what they ask for; or the exit code when a help was printed or something is wrong with them, which was said
 */
export function readOrder (args: readonly string[], output: ProgramOutput): Order | number {
  const orders: Order[] = []
  const program = createProgram(output, order => { orders.push(order) })
  try {
    program.parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : 2
  }
  return orders[0] ?? 2
}
