/**
 * A reload: all parts prepare, what has to survive is stored, and only then all of it is put in force, in one turn. Whatever fails
 * before that leaves all as it was.
 */
import type { Participant, PreparedChange } from '../core/prepared-change.ts'

export interface ReloadDeps<Config> {
  /** In the order in which they prepare, and in which what they tell comes: endpoints before splits, and splits before routes. */
  readonly participants: ReadonlyArray<Participant<Config>>
  /** Makes one message for each worker of what is told in `work`. */
  readonly together: (work: () => void) => void
  /** A part could not tell what has changed, or not go back: a defect. The others have. */
  readonly onDefect: (participant: string, error: unknown) => void
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
   * @throws Error of the part that has failed; all is as it was then
   */
  async run (config: Config, wanted: () => boolean): Promise<boolean> {
    const parts: PreparedPart[] = []
    let committed = false
    try {
      for (const participant of this.#deps.participants) parts.push({ name: participant.name, change: await participant.prepare(config) })
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
