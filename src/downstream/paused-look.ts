/**
 * A look at connections that are not read for now. Nothing tells of the leaving of a client behind bytes that wait for
 * somebody else: its request would go on for as long as that takes.
 */
import type { Clock } from '../core/clock.ts'
import { endedConnections } from '../net/socket-ends.ts'

/** Who may have to be looked at. */
export interface Looked {
  /**
   * Ends itself when its client has reset the connection.
   * @returns the key under which the system knows the connection, when it has not been read for a while; undefined otherwise
   */
  look? (): string | undefined
  /** Its client has sent a FIN, behind what has been read. */
  onEndSeen? (): void
}

const LOOK_MS = 1_000
/** The system's table of connections may be long: reading it takes no more than this part of the time. */
const SHARE = 50

export class PausedLook {
  readonly #clock: Clock
  readonly #ended: () => Promise<ReadonlySet<string>>
  #nextMs = 0
  #nextTableMs = 0
  #reading = false

  /** @param ended the connections whose peer has sent a FIN */
  constructor (clock: Clock, ended: () => Promise<ReadonlySet<string>> = endedConnections) {
    this.#clock = clock
    this.#ended = ended
  }

  /** Looks, if it is time. To be called a few times a second. */
  tick (nowMs: number, members: () => readonly Looked[]): void {
    if (nowMs < this.#nextMs) return
    this.#nextMs = nowMs + LOOK_MS
    const paused = new Map<string, Looked>()
    for (const member of members()) {
      const key = member.look?.()
      if (key !== undefined) paused.set(key, member)
    }
    if (paused.size > 0 && !this.#reading && nowMs >= this.#nextTableMs) void this.#seeEnds(paused)
  }

  async #seeEnds (paused: ReadonlyMap<string, Looked>): Promise<void> {
    this.#reading = true
    const beganMs = this.#clock.nowMs()
    const ended = await this.#ended()
    for (const [key, member] of paused) if (ended.has(key)) member.onEndSeen?.()
    const nowMs = this.#clock.nowMs()
    this.#nextTableMs = nowMs + (nowMs - beganMs) * SHARE
    this.#reading = false
  }
}
