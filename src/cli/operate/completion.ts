/**
 * Completion in a shell: the scripts, and what they ask `weir complete` for. The candidates come from the commands themselves, and names
 * of routes and versions from the Weir that the words before point to.
 */
import type { Command } from 'commander'
import { createProgram } from './program.ts'

/** What a script is told that it may offer, one a line. */
export interface CompletionSources {
  routes (): Promise<readonly string[]>
  versions (route: string): Promise<readonly string[]>
  lists (route: string): Promise<readonly string[]>
  contexts (): Promise<readonly string[]>
}

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# weir completion for bash: source <(weir completion bash)
_weir_complete () {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(weir complete -- "\${words[@]}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
  [[ \${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -F _weir_complete weir
`,
  zsh: `#compdef weir
# weir completion for zsh: source <(weir completion zsh)
_weir () {
  local -a candidates
  candidates=(\${(f)"$(weir complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  compadd -Q -S '' -a candidates
}
compdef _weir weir
`,
  fish: `# weir completion for fish: weir completion fish | source
complete -c weir -f -a '(weir complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`
}

/** The script of a shell. */
export function completionScript (shell: string): string {
  return SCRIPTS[shell] ?? ''
}

/** Commands that are not among those that speak to a running Weir. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  run: ['--config', '--quick', '--port'],
  validate: ['--offline', '--config'],
  wait: ['--tcp', '--http', '--dns', '--route', '--version', '--endpoints', '--admin', '--token-file', '--timeout', '--quiet'],
  state: ['export', 'import'],
  help: [],
  version: []
}

/**
 * What may stand in the place of the last word.
 * @param words all after `weir`; the last is the one that is being written, and may be empty
 */
export async function candidates (words: readonly string[], sources: CompletionSources): Promise<readonly string[]> {
  const program = createProgram({ out: () => {}, complain: () => {} }, () => {})
  const names = program.commands.map(command => command.name())
  const [name = '', ...rest] = words
  const current = rest.at(-1)
  if (name === 'help' && rest.length > 1) return matching(verbsOf(program.commands.find(each => each.name() === rest[0])), rest[1] ?? '')
  if (current === undefined || name === 'help') return matching([...names, ...Object.keys(OTHERS)], current ?? name)
  const command = program.commands.find(each => each.name() === name)
  if (command === undefined) return matching(OTHERS[name] ?? [], current)
  if (command.commands.length === 0) return await candidatesOf(command, rest, sources)
  const [verb = '', ...further] = rest
  if (further.length === 0) return matching(verbsOf(command), verb)
  const below = command.commands.find(each => each.name() === verb)
  return below === undefined ? [] : await candidatesOf(below, further, sources)
}

function verbsOf (command: Command | undefined): readonly string[] {
  return command?.commands.map(each => each.name()) ?? []
}

/** @param rest the words behind the command, at least one */
async function candidatesOf (command: Command, rest: readonly string[], sources: CompletionSources): Promise<readonly string[]> {
  const current = rest.at(-1) ?? ''
  const before = rest.at(-2)
  const option = command.options.find(each => before !== undefined && (each.long === before || each.short === before))
  if (option?.required === true) {
    if (option.long === '--context') return matching(await sources.contexts(), current)
    if (option.flags.endsWith('<version>')) {
      const [route = ''] = positionals(command, rest.slice(0, -2))
      return matching(await sources.versions(route), current)
    }
    if (option.long === '--list') {
      const [route = ''] = positionals(command, rest.slice(0, -2))
      return matching((await sources.lists(route)).map(list => `${list}=`), current)
    }
    return matching(option.argChoices ?? [], current)
  }
  if (current.startsWith('-')) return matching(command.options.map(({ long }) => long ?? ''), current)
  return matching(await namesFor(command, positionals(command, rest.slice(0, -1)), sources), current)
}

/** The words that are neither flags nor the values of flags. */
function positionals (command: Command, words: readonly string[]): readonly string[] {
  const found: string[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    const option = command.options.find(each => each.long === word || each.short === word)
    if (option?.required === true) index++
    else if (!word.startsWith('-')) found.push(word)
  }
  return found
}

async function namesFor (command: Command, given: readonly string[], sources: CompletionSources): Promise<readonly string[]> {
  const argument = command.registeredArguments[given.length] ?? command.registeredArguments.at(-1)
  if (argument === undefined || (given.length >= command.registeredArguments.length && !argument.variadic)) return []
  if (argument.argChoices !== undefined) return argument.argChoices
  const [route = ''] = given
  switch (argument.name()) {
    case 'route': return await sources.routes()
    case 'version': return await sources.versions(route)
    case 'list': return await sources.lists(route)
    case 'weights': {
      const named = given.slice(1).map(text => text.split('=')[0])
      return (await sources.versions(route)).filter(version => !named.includes(version)).map(version => `${version}=`)
    }
    default: return []
  }
}

function matching (names: readonly string[], begun: string): readonly string[] {
  return names.filter(name => name.startsWith(begun))
}
