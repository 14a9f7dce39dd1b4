import { KubeError, type KubeApi, type KubeWatchEvent } from '../../src/kube/kube-api.ts'

/** The watch of an API server in memory: a test tells its events, in any order and at any time. */
export class MemoryWatch {
  readonly #isDeaf: () => boolean
  #events: KubeWatchEvent[] = []
  #end: KubeError | undefined
  #wake = (): void => {}

  /** @param isDeaf whether events are kept back; `look` when they no longer are */
  constructor (isDeaf = (): boolean => false) {
    this.#isDeaf = isDeaf
  }

  tell (event: KubeWatchEvent): void {
    this.#events.push(event)
    this.#wake()
  }

  /** Gives what is no longer kept back. */
  look (): void {
    this.#wake()
  }

  /** Drops what nobody has got yet: a list has it. */
  forget (): void {
    this.#events = []
  }

  /** Ends the watch that is open, or else the next one. */
  break (error: KubeError): void {
    this.#end = error
    this.#wake()
  }

  async * follow ({ signal, opened }: Parameters<KubeApi['watch']>[0]): AsyncGenerator<KubeWatchEvent, void, undefined> {
    opened?.()
    while (!signal.aborted) {
      const end = this.#end
      this.#end = undefined
      if (end !== undefined) throw end
      const event = this.#isDeaf() ? undefined : this.#events.shift()
      if (event !== undefined) {
        yield event
        continue
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve
        signal.addEventListener('abort', () => { resolve() }, { once: true })
      })
    }
    throw KubeError.from(signal.reason)
  }
}
