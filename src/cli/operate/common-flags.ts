/** What every command may be given. */
import type { Command } from 'commander'
import type { OUTPUTS } from './terminal.ts'

export interface CommonFlags {
  readonly server?: string
  readonly token?: string
  readonly tokenFile?: string
  readonly context?: string
  readonly output: typeof OUTPUTS[number]
  readonly timeout: number
}

/** commander checks what it reads by the options of a command, and can't say so in types. */
export function flagsOf<Flags> (command: Command): Flags {
  return command.opts<Record<string, unknown>>() as Flags
}
