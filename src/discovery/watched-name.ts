import { errorText } from '../core/error-text.ts'
import type { CidrSet } from '../core/cidr-set.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'
import { isLocalName, isLoopback, parseIp } from '../core/socket-address.ts'
import type { OwnPorts } from '../core/own-ports.ts'
import { MAX_IGNORED, type IgnoredAddress } from './endpoint-source.ts'
import { type NameAddress, NameError, type NameLookup } from './name-lookup.ts'
import { addressRefusal } from './refused-addresses.ts'

export interface NameContext {
  readonly lookUp: NameLookup
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** Refused addresses that may be dialled all the same. */
  readonly allowed: CidrSet
  /** The addresses of names as they were known last, for a source that takes over from another. */
  readonly remembered: Map<string, readonly string[]>
  /** Where Weir itself listens. */
  readonly ownPorts: OwnPorts
}

/** Servers that say 0 are asked this often, and those that say days as often as this. */
const MIN_TTL_S = 5
const MAX_TTL_S = 30
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000
/** A part by which every wait is shortened at random, so that many names are not asked for at once. */
const JITTER = 0.2
const MAX_ADDRESSES = 1_000

/**
 * The addresses of one name: looked up again when what was told has expired, and kept as they were last when it can't be.
 * A name that is not found any more keeps them too: DNS forgets a service for moments, and an address at which nobody is
 * harms less than none.
 */
export class WatchedName {
  readonly name: string
  readonly #context: NameContext
  readonly #onChange: () => void
  /** Undefined until DNS has answered, to this source or the one before: with addresses, or that there are none. */
  addresses: readonly string[] | undefined
  ignored: readonly IgnoredAddress[] = []
  lastError: string | undefined
  lastSyncWallMs: number | undefined
  /** Failures so far, and those since the last success. */
  failures = 0
  #failuresInRow = 0
  #timer: TimerHandle | undefined
  #stopped = false

  /** @param onChange called after every lookup that has told something, or has changed what is wrong */
  constructor (name: string, context: NameContext, onChange: () => void) {
    this.name = name
    this.#context = context
    this.#onChange = onChange
  }

  start (): void {
    this.addresses = this.#context.remembered.get(this.name)
    void this.#look()
  }

  /** `onChange` is not called again. */
  stop (): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  async #look (): Promise<void> {
    const { lookUp, clock, random } = this.#context
    let waitMs: number
    try {
      const found = await lookUp(this.name)
      if (this.#stopped) return
      waitMs = this.#take(found)
    } catch (error) {
      if (this.#stopped) return
      waitMs = this.#failed(error)
    }
    this.#timer = clock.after(waitMs * (1 - JITTER * random()), () => { void this.#look() })
    this.#onChange()
  }

  /** @returns when to look again, in milliseconds */
  #take (found: readonly NameAddress[]): number {
    const { clock, allowed } = this.#context
    const ignored: IgnoredAddress[] = []
    const usable: NameAddress[] = []
    for (const entry of found) {
      const reason = this.#isOwnMachine(entry.address) ? undefined : addressRefusal(entry.address, entry.family, allowed)
      if (reason === undefined) usable.push(entry)
      else if (ignored.length < MAX_IGNORED) ignored.push({ address: entry.address, reason })
    }
    const chosen = this.#chooseFamily(usable)
    const addresses = [...new Set(chosen.map(({ address }) => parseIp(address)?.address ?? address))].sort()
    const kept = addresses.slice(0, MAX_ADDRESSES)
    // All of them refused is an answer that can't be used: what was known stays.
    if (kept.length > 0 || this.addresses === undefined) this.addresses = kept
    if (kept.length > 0) this.#context.remembered.set(this.name, kept)
    this.ignored = ignored
    this.#failuresInRow = 0
    this.lastSyncWallMs = clock.wallMs()
    this.lastError = explainUse({ name: this.name, found: addresses.length, kept: kept.length, ignored: ignored.length })
    const ttlS = Math.min(...found.map(({ ttlS }) => ttlS))
    return Math.min(MAX_TTL_S, Math.max(MIN_TTL_S, ttlS)) * 1_000
  }

  #failed (error: unknown): number {
    // Half an answer serves as long as nothing better is known; it never takes the place of a whole one.
    if (error instanceof NameError && error.partial.length > 0 && (this.addresses ?? []).length === 0) this.#take(error.partial)
    this.failures++
    this.lastError = errorText(error)
    // An answer, although one of nothing: whoever waits for the first need not wait longer.
    if (error instanceof NameError && error.notFound) this.addresses ??= []
    return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failuresInRow++)
  }

  /** Whoever wrote `localhost` means loopback. */
  #isOwnMachine (address: string): boolean {
    return isLocalName(this.name) && isLoopback(address)
  }

  /**
   * A machine with addresses of both families is one machine: those of IPv4 are used if there are any, as for a Service of
   * both families. A program on localhost listens on either, nobody knows on which.
   */
  #chooseFamily (addresses: readonly NameAddress[]): readonly NameAddress[] {
    const four = addresses.filter(({ family }) => family === 'IPv4')
    return four.length === 0 || isLocalName(this.name) ? addresses : four
  }
}

function explainUse (
  { name, found, kept, ignored }: { readonly name: string, readonly found: number, readonly kept: number, readonly ignored: number }
): string | undefined {
  if (found > kept) return `the name "${name}" has ${found} addresses; ${kept} are used`
  return kept === 0 && ignored > 0 ? `the name "${name}" has no address that may be dialled; kubernetes.allowAddresses allows some` : undefined
}
