import type { ConfigText } from '../config/load.ts'
import { suggestion } from '../core/nearest-name.ts'
import { DEFAULT_QUICK_PORT, quickConfig } from './quick-config.ts'
import { parseWait, type WaitRequest } from './wait-arguments.ts'

/** What the arguments of `weir` ask for. */
export type Arguments =
  | {
    readonly command: 'run' | 'validate'
    /** The file given by --config, or to `validate` alone; `-` is standard input; undefined leaves it to WEIR_CONFIG. */
    readonly configFile: string | undefined
    /** What --quick stands for, in place of a file. */
    readonly text?: ConfigText
    /** `validate` leaves the files alone that the configuration names. */
    readonly offline?: true
    /** The other arguments, untouched: options of the configuration as `--name value` or `--name=value`. */
    readonly flags: readonly string[]
  }
  | { readonly command: 'wait', readonly request: WaitRequest }
  | {
    readonly command: 'state'
    readonly action: 'export' | 'import'
    readonly configFile: string | undefined
    readonly flags: readonly string[]
  }
  /** What speaks to a running Weir; the words are read by `operate`. */
  | { readonly command: 'operate', readonly words: readonly string[] }
  | { readonly command: 'help', readonly topic: HelpTopic }
  | { readonly command: 'version' }
  /** The arguments make no sense; `message` says why, in one line, with the remedy. */
  | { readonly command: 'wrong', readonly message: string }

const TOPICS = ['run', 'validate', 'wait', 'state'] as const

export type HelpTopic = 'weir' | typeof TOPICS[number]

const QUICK = '--quick'
const PORT = '--port'
const OFFLINE = '--offline'
/** They speak to a running Weir (src/cli/operate). `complete` is for the scripts of `completion`. */
export const OPERATE_COMMANDS: readonly string[] = [
  'status', 'rollout', 'verdict', 'weights', 'switch', 'undo', 'history', 'explain', 'plan', 'drain', 'list', 'shadow', 'replicas', 'token',
  'contexts', 'completion'
]
const COMMANDS = [...TOPICS, ...OPERATE_COMMANDS, 'help', 'version']

/**
 * Reads the arguments of the command line.
 * @param args without the interpreter and the script
 */
export function parseArguments (args: readonly string[]): Arguments {
  const [first, ...rest] = args
  switch (first) {
    case undefined: return wrong('weir needs a command')
    case '-h':
    case '--help': return { command: 'help', topic: 'weir' }
    case '-V': case '--version': case 'version': return rest.length === 0 ? { command: 'version' } : wrong(`${first} takes no arguments`)
    case 'help': return parseHelp(rest)
    case 'run': return rest.some(argument => argument === QUICK || argument.startsWith(`${QUICK}=`))
      ? parseQuick(rest)
      : parseConfigCommand(first, rest)
    case 'validate': return parseConfigCommand(first, rest)
    case 'wait': return parseWaitCommand(rest)
    case 'state': return parseState(rest)
    default: return isOperate(first) ? { command: 'operate', words: args } : noCommand(first, rest)
  }
}

function noCommand (first: string, rest: readonly string[]): Arguments {
  if (first.startsWith('-') && rest.some(isOperate)) return wrong('flags stand behind the command, as in: weir status --server http://127.0.0.1:9901')
  return wrong(`weir has no command ${JSON.stringify(first.slice(0, 80))}${suggestion(first, COMMANDS)}`)
}

function isOperate (name: string): boolean {
  return OPERATE_COMMANDS.includes(name) || name === 'complete'
}

function parseHelp ([topic, ...rest]: readonly string[]): Arguments {
  // Of a command, or of one of its verbs.
  if (isTopicOfOperate(topic) && rest.length <= 1) return { command: 'operate', words: [topic, ...rest, '--help'] }
  if (rest.length > 0) return wrong(`help takes one topic: ${[...TOPICS, ...OPERATE_COMMANDS].join(', ')}`)
  if (topic === undefined) return { command: 'help', topic: 'weir' }
  const known = TOPICS.find(name => name === topic)
  return known === undefined ? wrong(`there is no help for ${JSON.stringify(topic.slice(0, 80))}`) : { command: 'help', topic: known }
}

function isTopicOfOperate (topic: string | undefined): topic is string {
  return topic !== undefined && OPERATE_COMMANDS.includes(topic)
}

function parseWaitCommand (args: readonly string[]): Arguments {
  if (args.some(isHelp)) return { command: 'help', topic: 'wait' }
  const request = parseWait(args)
  return 'fault' in request ? wrong(request.fault) : { command: 'wait', request }
}

function parseState (args: readonly string[]): Arguments {
  const [action, ...rest] = args
  if (args.some(isHelp)) return { command: 'help', topic: 'state' }
  if (action !== 'export' && action !== 'import') return wrong('weir state needs export or import')
  const parsed = parseConfigCommand('run', rest)
  return parsed.command === 'run' ? { command: 'state', action, configFile: parsed.configFile, flags: parsed.flags } : parsed
}

function parseConfigCommand (command: 'run' | 'validate', args: readonly string[]): Arguments {
  const flags: string[] = []
  let configFile: string | undefined
  let offline = false
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? ''
    if (isHelp(argument)) return { command: 'help', topic: command }
    if (command === 'validate' && argument === OFFLINE) {
      offline = true
    } else if (namesConfig(argument) || (command === 'validate' && isPositional(argument, args[index - 1]))) {
      if (configFile !== undefined) return wrong('the configuration is given twice; give it once')
      configFile = fileOf(argument, args[index + 1])
      if (configFile === undefined) return wrong('--config needs the path of a file')
      if (takesNext(argument)) index++
    } else {
      flags.push(argument)
    }
  }
  if (command === 'run' && configFile === '-') return wrong('the configuration has to be a file: only validate reads it from standard input')
  return { command, configFile, flags, ...(offline ? { offline } : {}) }
}

/** `run --quick SPLIT [--port PORT]`, with flags besides. */
function parseQuick (args: readonly string[]): Arguments {
  const given = new Map<string, string>()
  const flags: string[] = []
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? ''
    if (isHelp(argument)) return { command: 'help', topic: 'run' }
    if (namesConfig(argument)) return wrong('--quick stands in place of a file; leave out --config')
    const [name, attached] = splitArgument(argument)
    if (name !== QUICK && name !== PORT) {
      flags.push(argument)
      continue
    }
    const value = attached ?? args[++index]
    if (value === undefined || value === '') return wrong(`${name} needs a value`)
    if (given.has(name)) return wrong(`${name} is given twice; give it once`)
    given.set(name, value)
  }
  const text = quickConfig({ split: given.get(QUICK) ?? '', port: given.get(PORT) ?? DEFAULT_QUICK_PORT })
  return 'fault' in text ? wrong(text.fault) : { command: 'run', configFile: undefined, flags, text }
}

/** `--name=value` apart. */
function splitArgument (argument: string): readonly [string, string | undefined] {
  const equals = argument.indexOf('=')
  return equals === -1 ? [argument, undefined] : [argument.slice(0, equals), argument.slice(equals + 1)]
}

function namesConfig (argument: string): boolean {
  return takesNext(argument) || argument.startsWith('--config=')
}

function isHelp (argument: string): boolean {
  return argument === '--help' || argument === '-h'
}

function takesNext (argument: string): boolean {
  return argument === '--config' || argument === '-c'
}

/** Is this no flag, and not the value of one? @param before the argument in front of it */
function isPositional (argument: string, before: string | undefined): boolean {
  if (argument.startsWith('-') && argument !== '-') return false
  return before === undefined || !before.startsWith('--') || before.includes('=') || before === OFFLINE
}

/** The file that an argument names; undefined when it is missing. @param next the argument behind it */
function fileOf (argument: string, next: string | undefined): string | undefined {
  if (argument.startsWith('--config=')) return argument === '--config=' ? undefined : argument.slice('--config='.length)
  if (!namesConfig(argument)) return argument === '' ? undefined : argument
  return next === undefined || next === '' || next.startsWith('--') ? undefined : next
}

function wrong (message: string): Arguments {
  return { command: 'wrong', message: `${message}${message.endsWith('?') ? '' : '.'} Try: weir --help` }
}
