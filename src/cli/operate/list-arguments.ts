/** The arguments of `weir list`. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { flagsOf, type CommonFlags } from './common-flags.ts'

interface ListChangeOptions extends CommonFlags {
  readonly reason?: string
}

export type ListOrder =
  | {
    readonly command: 'list'
    readonly verb: 'add' | 'remove'
    readonly route: string
    readonly list: string
    readonly members: readonly string[]
    readonly flags: ListChangeOptions
  }
  | {
    readonly command: 'list'
    readonly verb: 'show'
    readonly route: string
    /** Undefined: all lists of the route, without their members. */
    readonly list: string | undefined
    readonly flags: CommonFlags & { readonly all?: true, readonly after?: string, readonly limit: number }
  }
  | {
    readonly command: 'list'
    readonly verb: 'import'
    readonly route: string
    readonly list: string
    /** `-` is standard input. */
    readonly file: string
    readonly flags: ListChangeOptions & { readonly replace?: true }
  }

/** What commander gives behind the arguments. */
type Rest = [options: unknown, command: Command]

const PAGE = 100
const MAX_PAGE = 1_000

/** Gives the order of a command to `take`. */
export function addLists (program: Command, take: (order: ListOrder) => void): void {
  const lists = new Command('list').helpCommand(false).description('say who is on the lists of a route, and change it')
  lists.addCommand(changing(new Command('add')).description('put members on a list')
    .argument('<route>').argument('<list>').argument('<members...>')
    .action((route: string, list: string, members: readonly string[], ...[, command]: Rest) => {
      take({ command: 'list', verb: 'add', route, list, members, flags: flagsOf(command) })
    }))
  lists.addCommand(changing(new Command('remove')).description('take members off a list')
    .argument('<route>').argument('<list>').argument('<members...>')
    .action((route: string, list: string, members: readonly string[], ...[, command]: Rest) => {
      take({ command: 'list', verb: 'remove', route, list, members, flags: flagsOf(command) })
    }))
  lists.addCommand(new Command('show').description('show the lists of a route, or the members of one').argument('<route>').argument('[list]')
    .addOption(new Option('--limit <number>', `how many members, at most ${MAX_PAGE}`).argParser(pageSize).default(PAGE))
    .addOption(new Option('--after <member>', 'those that come after this one'))
    .addOption(new Option('--all', 'all members, however many').conflicts('limit'))
    .action((route: string, list: string | undefined, _options, command: Command) => {
      take({ command: 'list', verb: 'show', route, list, flags: flagsOf(command) })
    }))
  lists.addCommand(changing(new Command('import'))
    .description('put the members of a file on a list, all of them or none: a line of JSON for each, "user-1" or {"id": "user-1"}; - is standard input')
    .argument('<route>').argument('<list>').argument('<file>')
    .addOption(new Option('--replace', 'take everybody else off the list'))
    .action((route: string, list: string, file: string, ...[, command]: Rest) => {
      take({ command: 'list', verb: 'import', route, list, file, flags: flagsOf(command) })
    }))
  program.addCommand(lists)
}

function changing (command: Command): Command {
  return command.addOption(new Option('-r, --reason <text>', 'why, in one line, for the log and the event'))
}

function pageSize (text: string): number {
  const size = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0
  if (size >= 1 && size <= MAX_PAGE) return size
  throw new InvalidArgumentError(`It has to be a number from 1 to ${MAX_PAGE}.`)
}
