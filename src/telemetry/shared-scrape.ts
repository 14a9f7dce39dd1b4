/**
 * One rendering for all who ask for it at the same time.
 */
import { AfterTurn } from '../net/turns.ts'

/** A rendering with ten thousand versions has tens of MiB, and a slow reader keeps it. */
const MAX_KEPT = 2

interface Rendering {
  readonly chunks: Buffer[]
  state: 'running' | 'done' | 'failed'
  error: unknown
  readers: number
  /** Called when there is more. */
  readonly waiting: Set<() => void>
}

export class SharedScrape {
  readonly #render: () => AsyncIterable<string>
  #latest: Rendering | undefined
  readonly #kept = new Set<Rendering>()
  readonly #afterTurn = new AfterTurn()

  constructor (render: () => AsyncIterable<string>) {
    this.#render = render
  }

  /**
   * The chunks of the rendering that is under way, from its beginning, or of a new one. While slow readers keep several, of the
   * latest: what it says is as old as that.
   * @throws what the rendering throws
   */
  async * read (): AsyncGenerator<Buffer> {
    const rendering = this.#join()
    rendering.readers++
    try {
      for (let index = 0; ; index++) {
        while (index >= rendering.chunks.length && rendering.state === 'running') {
          await new Promise<void>(resolve => { rendering.waiting.add(resolve) })
        }
        const chunk = rendering.chunks[index]
        if (chunk !== undefined) {
          yield chunk
          // A reader that takes all at once would have tens of MiB without anybody else's turn.
          await new Promise<void>(resolve => { this.#afterTurn.add(resolve) })
        } else if (rendering.state === 'failed') {
          throw rendering.error
        } else {
          return
        }
      }
    } finally {
      rendering.readers--
      if (rendering.readers === 0) this.#kept.delete(rendering)
    }
  }

  #join (): Rendering {
    const latest = this.#latest
    const isFull = this.#kept.size >= MAX_KEPT
    if (latest !== undefined && (latest.state === 'running' || (isFull && latest.state === 'done' && latest.readers > 0))) return latest
    const rendering: Rendering = { chunks: [], state: 'running', error: undefined, readers: 0, waiting: new Set() }
    this.#latest = rendering
    this.#kept.add(rendering)
    void this.#run(rendering)
    return rendering
  }

  async #run (rendering: Rendering): Promise<void> {
    try {
      for await (const text of this.#render()) {
        rendering.chunks.push(Buffer.from(text))
        wake(rendering)
        // Nobody waits for it any more.
        if (rendering.readers === 0) break
      }
      rendering.state = 'done'
    } catch (error) {
      rendering.error = error
      rendering.state = 'failed'
    }
    if (rendering.readers === 0 && this.#latest === rendering) this.#latest = undefined
    wake(rendering)
  }
}

function wake ({ waiting }: Rendering): void {
  for (const resolve of waiting) resolve()
  waiting.clear()
}
