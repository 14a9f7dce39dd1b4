/** What Linux says of a process. */
export interface ProcessStat {
  /** Dead, although nobody has taken note of it yet. */
  readonly dead: boolean
  readonly parent: number
  /** In ticks since the machine has started; tells a process from a later one of the same id. */
  readonly startTime: string
}

/**
 * Reads proc_pid_stat(5).
 * @param text of /proc/PID/stat
 */
export function parseProcessStat (text: string): ProcessStat {
  // The name, in parentheses, may hold anything; behind it the state is field 3, the parent field 4, the start time field 22.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { dead: fields[0] === 'Z' || fields[0] === 'X', parent: Number(fields[1]), startTime: fields[19] ?? '' }
}
