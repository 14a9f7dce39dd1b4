/**
 * Who may have a connection, and whose request is next. Every peer has a share of the connections, and a newcomer takes the
 * place of somebody who wants nothing: so however many connections are left lying open, a probe gets its own.
 */
import { parseIp } from '../core/socket-address.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'

/** A connection as far as its place is concerned. */
export interface Guest {
  /** The address at the other end; empty when it is gone already. */
  readonly peer: string
  /**
   * `idle`: nothing is here, or a part of a head. `unproven`: a request of somebody who has shown no right to ask waits for its
   * turn, or its answer is not read. `busy`: somebody who may ask waits for an answer.
   */
  readonly state: 'idle' | 'unproven' | 'busy'
  destroy (): void
}

export class ConnectionRoom {
  readonly #max: number
  readonly #maxPerPeer: number
  /** In the order in which they came or last had something to do. */
  readonly #guests = new Map<string, Set<Guest>>()
  #size = 0

  constructor ({ maxConnections, maxConnectionsPerPeer }: { readonly maxConnections: number, readonly maxConnectionsPerPeer: number }) {
    this.#max = maxConnections
    this.#maxPerPeer = maxConnectionsPerPeer
  }

  get size (): number { return this.#size }

  /** Takes a connection in, for which another one may have to go. @returns false when there is no place for it */
  admit (guest: Guest): boolean {
    const key = keyOf(guest.peer)
    const own = this.#guests.get(key)
    if (own !== undefined && own.size >= this.#maxPerPeer && !this.#replace([own])) return false
    if (this.#size >= this.#max && !this.#replace([...this.#guests.values()].sort((left, right) => right.size - left.size))) return false
    const guests = this.#guests.get(key) ?? new Set<Guest>()
    guests.add(guest)
    this.#guests.set(key, guests)
    this.#size++
    return true
  }

  /** It has just had something to do: others of its peer go first. */
  refresh (guest: Guest): void {
    const guests = this.#guests.get(keyOf(guest.peer))
    if (guests?.delete(guest) === true) guests.add(guest)
  }

  leave (guest: Guest): void {
    const key = keyOf(guest.peer)
    const guests = this.#guests.get(key)
    if (guests?.delete(guest) !== true) return
    this.#size--
    if (guests.size === 0) this.#guests.delete(key)
  }

  /** Ends a connection of the first peer that has one to spare: an idle one, else one whose answer is not read. */
  #replace (peers: ReadonlyArray<ReadonlySet<Guest>>): boolean {
    for (const state of ['idle', 'unproven']) {
      for (const guests of peers) {
        const found = [...guests].find(guest => guest.state === state)
        if (found === undefined) continue
        this.leave(found)
        found.destroy()
        return true
      }
    }
    return false
  }
}

/** A host takes new addresses inside its /64 as it likes (RFC 8981), so that is one peer. */
function keyOf (peer: string): string {
  const ip = parseIp(peer)
  if (ip === undefined || ip.family === 'ipv4') return ip?.address ?? peer
  const [head = '', tail] = ip.address.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':')
    while (groups.length + after.length < 8) groups.push('0')
    groups.push(...after)
  }
  return groups.slice(0, 4).join(':')
}

/** A window is a slice of the event loop's time: what it admits takes a few milliseconds. */
const WINDOW_MS = 10

/**
 * Turns for requests of which nobody knows yet who sends them: so many in a window of time, the others one after another as
 * they came. So the work that anybody can cause is bounded, whatever is sent on however many connections.
 */
export class RequestTurns {
  readonly #clock: Clock
  readonly #perWindow: number
  readonly #waiting = new Set<() => void>()
  #windowAtMs = Number.NEGATIVE_INFINITY
  #given = 0
  #timer: TimerHandle | undefined

  /** @param perWindow requests in 10 ms */
  constructor (clock: Clock, perWindow: number) {
    this.#clock = clock
    this.#perWindow = perWindow
  }

  /** Those that wait. */
  get waiting (): number { return this.#waiting.size }

  /** Calls `go` at once or when it is its turn. @returns what gives the turn up */
  enter (go: () => void): () => void {
    if (this.#waiting.size === 0 && this.#admits()) {
      go()
      return () => {}
    }
    this.#waiting.add(go)
    this.#timer ??= this.#clock.after(WINDOW_MS, () => { this.#admitWaiting() })
    return () => { this.#waiting.delete(go) }
  }

  #admits (): boolean {
    const nowMs = this.#clock.nowMs()
    if (nowMs - this.#windowAtMs >= WINDOW_MS) {
      this.#windowAtMs = nowMs
      this.#given = 0
    }
    return this.#given < this.#perWindow && ++this.#given > 0
  }

  #admitWaiting (): void {
    this.#timer = undefined
    this.#windowAtMs = this.#clock.nowMs()
    this.#given = 0
    for (const go of this.#waiting) {
      if (this.#given >= this.#perWindow) break
      this.#given++
      this.#waiting.delete(go)
      go()
    }
    if (this.#waiting.size > 0) this.#timer = this.#clock.after(WINDOW_MS, () => { this.#admitWaiting() })
  }
}
