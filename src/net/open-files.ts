/**
 * How many descriptors the process may have (RLIMIT_NOFILE), how they are shared out, and how their end shows.
 */
import { readFileSync } from 'node:fs'

/** Kept for all that is no client's: the admin API and its probes, the Kubernetes API, files, logs, listeners. */
const RESERVED_DESCRIPTORS = 256

/** The limit that is in force, as /proc says; Infinity where that is not known. */
export function openFilesLimit (limits: string = readLimits()): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  return soft === undefined ? Infinity : Number(soft)
}

function readLimits (): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1')
  } catch {
    return ''
  }
}

/** How many descriptors the connections of one worker may have. */
export function descriptorShare (limit: number, workers: number): number {
  // Of very few, half.
  return Math.floor(Math.max(limit - RESERVED_DESCRIPTORS, limit / 2) / workers)
}

/** What `limits.maxConnections: auto` comes to is worth a word only when it is less than this. */
const FEW_CLIENTS = 1_000

/** The limits on connections, as far as they are met by descriptors. */
interface ConnectionLimits {
  readonly maxConnections: 'auto' | number
  readonly workers: number
}

/** What to tell the operator when the configured limits can't be met; undefined when they can. */
export function openFilesWarning (
  { maxConnections, workers }: ConnectionLimits, limit: number
): Readonly<Record<string, string | number>> | undefined {
  const share = descriptorShare(limit, workers)
  // A client that is served needs a connection to an endpoint too.
  const clients = Math.floor(share / 2)
  // `auto` asks for no more than there are.
  const enough = maxConnections === 'auto' ? clients >= FEW_CLIENTS : maxConnections > 0 && maxConnections <= clients
  if (share === Infinity || enough) return undefined
  return {
    openFiles: limit,
    workers,
    maxConnections: maxConnections === 0 ? 'no limit' : maxConnections,
    clientsPerWorker: clients,
    remedy: 'raise the limit of open files (ulimit -n, LimitNOFILE, or that of the container runtime), or lower limits.maxConnections'
  }
}

/**
 * Errors of the system that say that this process or machine has no room for another connection: descriptors (of the process,
 * of the system), memory, or ports to connect from. They say nothing of whoever was to be connected to.
 */
const SHORTAGES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])

/** Is an error code one of them? */
export function isLocalShortage (code: unknown): boolean {
  return typeof code === 'string' && SHORTAGES.has(code)
}
