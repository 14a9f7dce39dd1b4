/**
 * A reload: all parts prepare, what has to survive is stored, and only then all of it is put in force, in one turn. Whatever fails
 * before that leaves all as it was.
 */
import type { Clock } from '../core/clock.ts'
import type { Participant, PreparedChange } from '../core/prepared-change.ts'

export interface ReloadDeps<Config> {
  readonly clock: Clock
  /** In the order in which they prepare, and in which what they tell comes: endpoints before splits, and splits before routes. */
  readonly participants: ReadonlyArray<Participant<Config>>
  /** Makes one message for each worker of what is told in `work`. */
  readonly together: (work: () => void) => void
  /** A part could not tell what has changed, or not go back: a defect. The others have. */
  readonly onDefect: (participant: string, error: unknown) => void
}

/** How long a part may prepare. What takes longer waits for something that does not answer, and would keep all later reloads out. */
const PREPARE_MS = 30_000

/** A part has not prepared in time. */
export class PrepareTimeoutError extends Error {
  /** Resolves when it has ended after all: then it is worth another try, and before it would wait for the same again. */
  readonly ended: Promise<void>

  constructor (participant: string, ended: Promise<void>) {
    const remedy = 'look whether the files that it reads are on a mount that does not answer'
    super(`the part "${participant}" was not ready after ${PREPARE_MS / 1000} s: ${remedy}`)
    this.ended = ended
  }
}

interface PreparedPart {
  readonly name: string
  readonly change: PreparedChange
}

export class Reload<Config> {
  readonly #deps: ReloadDeps<Config>

  constructor (deps: ReloadDeps<Config>) {
    this.#deps = deps
  }

  /**
   * Puts a configuration in force.
   * @param wanted asked before anything is stored; false gives it up
   * @returns whether it is in force
   * @throws Error of the part that has failed, PrepareTimeoutError of one that was not ready in time; all is as it was then
   */
  async run (config: Config, wanted: () => boolean): Promise<boolean> {
    const parts: PreparedPart[] = []
    let committed = false
    try {
      for (const participant of this.#deps.participants) {
        parts.push({ name: participant.name, change: await this.#prepare(participant, config) })
      }
      if (!wanted()) return false
      for (const { change } of parts) await change.persist?.()
      for (const { change } of parts) change.commit()
      committed = true
    } finally {
      if (!committed) await this.#discard(parts)
    }
    this.#settle(parts)
    return true
  }

  async #prepare (participant: Participant<Config>, config: Config): Promise<PreparedChange> {
    const { name } = participant
    const change = participant.prepare(config)
    if (!(change instanceof Promise)) return change
    const late = Promise.withResolvers<never>()
    const timer = this.#deps.clock.after(PREPARE_MS, () => {
      // What comes of it is for nobody.
      const ended = change.then(async change => { await this.#discard([{ name, change }]) }, () => {})
      late.reject(new PrepareTimeoutError(name, ended))
    })
    try {
      return await Promise.race([change, late.promise])
    } finally {
      timer.cancel()
    }
  }

  #settle (parts: readonly PreparedPart[]): void {
    this.#deps.together(() => {
      for (const { name, change } of parts) {
        try {
          change.settle()
        } catch (error) {
          this.#deps.onDefect(name, error)
        }
      }
    })
  }

  /** In one turn, but for what has to be stored again. */
  async #discard (parts: readonly PreparedPart[]): Promise<void> {
    await Promise.all(parts.toReversed().map(async ({ name, change }) => {
      try {
        await change.discard()
      } catch (error) {
        this.#deps.onDefect(name, error)
      }
    }))
  }
}
