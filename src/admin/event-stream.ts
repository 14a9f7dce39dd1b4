/**
 * Events as they come, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), to one client.
 */
import { Readable } from 'node:stream'
import type { BookedEvent, EventBook } from '../control/event-book.ts'

/** What is kept for a client that does not read, in bytes, beside what its socket holds. */
const MAX_UNREAD_BYTES = 65_536
/** How long a client waits before it comes back. */
const RETRY_MS = 2_000

export class EventStream extends Readable {
  readonly #book: EventBook
  readonly #unsubscribe: () => void
  /** Only events of this route. */
  readonly #route: string | undefined
  #blocked = false
  /** Events that were dropped because nobody read them. */
  #dropped = 0

  /** @param lastId the id of the event that the client saw last; undefined for one that begins */
  constructor (book: EventBook, { route, lastId }: { readonly route: string | undefined, readonly lastId: string | undefined }) {
    super({ highWaterMark: MAX_UNREAD_BYTES })
    this.#book = book
    this.#route = route
    const missed = lastId === undefined ? undefined : book.after(lastId)
    // Who comes back without a gap stays where it was until it has read what it has missed: the connection may break before that.
    this.#send(`retry: ${RETRY_MS}\nid: ${lastId === undefined || missed?.gap === true ? book.idOf() : lastId}\n\n`)
    if (missed?.gap === true) this.#sendGap()
    for (const event of missed?.events ?? []) this.#take(event)
    this.#unsubscribe = book.subscribe(event => { this.#take(event) })
  }

  /** Keeps the connection and what is between: nothing that a client acts on. */
  beat (): void {
    if (!this.#blocked) this.#send(':\n\n')
  }

  /** Ends it, as far as it has been read. */
  finish (): void {
    this.#unsubscribe()
    this.push(null)
  }

  override _read (): void {
    if (!this.#blocked) return
    this.#blocked = false
    if (this.#dropped > 0) this.#sendGap()
  }

  override _destroy (error: Error | null, callback: (error?: Error | null) => void): void {
    this.#unsubscribe()
    callback(error)
  }

  #take (event: BookedEvent): void {
    if (this.#route !== undefined && event.route !== this.#route) return
    if (this.#blocked) this.#dropped++
    else this.#send(`id: ${this.#book.idOf(event.number)}\nevent: ${event.type}\ndata: ${event.text}\n\n`)
  }

  /** Its id is that of the latest event: who comes back after it misses nothing more. */
  #sendGap (): void {
    const dropped = this.#dropped
    this.#dropped = 0
    this.#send(`id: ${this.#book.idOf()}\nevent: gap\ndata: ${JSON.stringify(dropped === 0 ? {} : { dropped })}\n\n`)
  }

  #send (text: string): void {
    if (!this.push(text)) this.#blocked = true
  }
}
