import { nearestName } from '../config/nearest-name.ts'

/** What the arguments of `weir` ask for. */
export type Arguments =
  | {
    readonly command: 'run' | 'validate'
    /** The file given by --config; undefined leaves it to WEIR_CONFIG. */
    readonly configFile: string | undefined
    /** The other arguments, untouched: options of the configuration as `--name value` or `--name=value`. */
    readonly flags: readonly string[]
  }
  | { readonly command: 'help', readonly topic: HelpTopic }
  | { readonly command: 'version' }
  /** The arguments make no sense; `message` says why, in one line, with the remedy. */
  | { readonly command: 'wrong', readonly message: string }

export type HelpTopic = 'weir' | 'run' | 'validate'

const COMMANDS = ['run', 'validate', 'help', 'version'] as const

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
    case '-V':
    case '--version':
    case 'version': return { command: 'version' }
    case 'help': return parseHelp(rest)
    case 'run':
    case 'validate': return parseConfigCommand(first, rest)
    default: return wrong(`weir has no command ${JSON.stringify(first.slice(0, 80))}${suggestion(first)}`)
  }
}

function parseHelp ([topic]: readonly string[]): Arguments {
  if (topic === undefined) return { command: 'help', topic: 'weir' }
  return topic === 'run' || topic === 'validate' ? { command: 'help', topic } : wrong(`there is no help for ${JSON.stringify(topic.slice(0, 80))}`)
}

function parseConfigCommand (command: 'run' | 'validate', args: readonly string[]): Arguments {
  const flags: string[] = []
  let configFile: string | undefined
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? ''
    if (argument === '--help' || argument === '-h') return { command: 'help', topic: command }
    if (argument !== '--config' && argument !== '-c' && !argument.startsWith('--config=')) {
      flags.push(argument)
      continue
    }
    if (configFile !== undefined) return wrong('--config is given twice; give it once')
    const file: string | undefined = argument.startsWith('--config=') ? argument.slice('--config='.length) : args[++index]
    if (file === undefined || file === '' || (file.startsWith('--') && !argument.includes('='))) return wrong('--config needs the path of a file')
    configFile = file
  }
  return { command, configFile, flags }
}

function suggestion (given: string): string {
  const nearest = nearestName(given, COMMANDS)
  return nearest === undefined ? '' : `; did you mean ${nearest}?`
}

function wrong (message: string): Arguments {
  return { command: 'wrong', message: `${message}. Try: weir --help` }
}
