/**
 * How much each worker may keep in buffers for its clients and endpoints when `limits.maxBufferedBytes` does not say.
 */
import { totalmem } from 'node:os'

const MIB = 1_048_576
/** What the process takes when it has nothing to do, with one worker and the garbage of a busy one. */
const REST_BYTES = 112 * MIB
/** What each further worker adds to that. */
const WORKER_BYTES = 24 * MIB
/**
 * The part of what is left that is shared out. The other is for what is not counted: idle clients, TLS, the kernel's side of the
 * connections, which is the cgroup's too, and what is free and not collected yet.
 */
const SHARE = 0.5
/** A small pod has to work too. */
const LEAST_BYTES = 16 * MIB
/** For each worker, where no limit is set, and of the machine's memory at most so much for all of them. */
const UNLIMITED_BYTES = 256 * MIB
const MACHINE_SHARE = 0.25

export interface MemoryFacts {
  /** The memory limit of the cgroup; 0, or more than there is, when there is none. */
  readonly limitBytes: number
  readonly machineBytes: number
}

export function memoryFacts (): MemoryFacts {
  return { limitBytes: process.constrainedMemory(), machineBytes: totalmem() }
}

/** Bytes for one worker. */
export function bufferShare (facts: MemoryFacts, workers: number): number {
  if (!isLimited(facts)) return Math.max(LEAST_BYTES, Math.floor(Math.min(UNLIMITED_BYTES, facts.machineBytes * MACHINE_SHARE / workers)))
  return Math.max(LEAST_BYTES, Math.floor(roomFor(facts.limitBytes, workers) * SHARE / workers))
}

/** What to tell the operator when the workers may keep more than the memory limit leaves; undefined when they may not. */
export function bufferWarning (
  maxBufferedBytes: number, facts: MemoryFacts, workers: number
): Readonly<Record<string, string | number>> | undefined {
  const room = roomFor(facts.limitBytes, workers)
  if (!isLimited(facts) || maxBufferedBytes * workers <= room) return undefined
  return {
    memoryLimit: facts.limitBytes,
    workers,
    maxBufferedBytes,
    roomPerWorker: Math.max(0, Math.floor(room / workers)),
    remedy: 'lower limits.maxBufferedBytes, run fewer workers, or raise the memory limit of the container'
  }
}

function isLimited ({ limitBytes, machineBytes }: MemoryFacts): boolean {
  return limitBytes > 0 && limitBytes < machineBytes
}

function roomFor (limitBytes: number, workers: number): number {
  return limitBytes - REST_BYTES - WORKER_BYTES * (workers - 1)
}
