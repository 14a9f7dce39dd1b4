/**
 * What Linux says of a process: proc(5). A process counts with its children, so nginx is its master and its worker.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** Memory in KiB. */
export interface MemoryFigures {
  /** VmRSS: resident now. */
  readonly rssKib: number
  /** VmHWM: the most that was ever resident, or since resetPeak. */
  readonly peakKib: number
  /** From smaps_rollup: resident, with each shared page divided by the number of its users. */
  readonly pssKib: number
}

/** The process and everything below it. Empty when it has ended. */
export function processTree (root: number): readonly number[] {
  const children = new Map<number, number[]>()
  let rootSeen = false
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue
    const fields = statFields(Number(entry))
    if (fields === undefined) continue
    const pid = Number(entry)
    if (pid === root) rootSeen = true
    const parent = Number(fields[1])
    children.set(parent, [...children.get(parent) ?? [], pid])
  }
  if (!rootSeen) return []
  const tree = [root]
  for (let index = 0; index < tree.length; index++) {
    tree.push(...children.get(tree[index] ?? -1) ?? [])
  }
  return tree
}

const ticksPerSecond = readTicksPerSecond()

/** User and system time of all threads of all given processes since their start, in microseconds. Resolution: one tick, 10 ms. */
export function cpuMicroseconds (pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const fields = statFields(pid)
    if (fields === undefined) throw new Error(`process ${pid} has ended in mid-measurement`)
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / ticksPerSecond * 1_000_000
}

/** User and system time of the threads of a process whose name matches, in microseconds. Resolution: one tick, 10 ms, each. */
export function threadCpuMicroseconds (pid: number, names: RegExp): number {
  let ticks = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')
    if (!names.test(text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')))) continue
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / ticksPerSecond * 1_000_000
}

/** The sums over the given processes. */
export function memoryOf (pids: readonly number[]): MemoryFigures {
  let rssKib = 0
  let peakKib = 0
  let pssKib = 0
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    rssKib += kibField(status, 'VmRSS')
    peakKib += kibField(status, 'VmHWM')
    pssKib += kibField(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss')
  }
  return { rssKib, peakKib, pssKib }
}

/** Lets VmHWM start again from the present size. Returns false where the system does not permit it. */
export function resetPeak (pids: readonly number[]): boolean {
  try {
    for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5')
    return true
  } catch {
    return false
  }
}

/** Time that the hypervisor gave to others while this machine had work, all cores, in microseconds since the boot. */
export function stolenMicroseconds (): number {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.trim().split(/\s+/) ?? []
  return Number(fields[8] ?? 0) / ticksPerSecond * 1_000_000
}

/** The fields of /proc/PID/stat from the third on (state is 0, ppid 1, utime 11, stime 12); undefined when it has ended. */
function statFields (pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

function kibField (text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+([0-9]+) kB`, 'm').exec(text)
  if (match === null) throw new Error(`no ${name} in what /proc says`)
  return Number(match[1])
}

function readTicksPerSecond (): number {
  try {
    return Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) || 100
  } catch {
    return 100
  }
}
