import type { ServerResponse } from 'node:http'
import type { Selector, StoredEvent, StoredObject } from './kube-api-server-objects.ts'

export interface WatchOptions {
  /** What the objects are: those of a bookmark have nothing else but a resourceVersion, and nulls. */
  readonly kind: { readonly kind: string, readonly apiVersion: string }
  /** What a bookmark has beside them. */
  readonly empty: object
  /** Objects are sent without what is beside their metadata. */
  readonly metadataOnly?: boolean
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined
  readonly selects: Selector
  /** Events of later revisions only. */
  readonly after: number
  readonly bookmarks: boolean
  /** A clean end after this time; without it the watch stays open. */
  readonly timeoutMs: number | undefined
  readonly bookmarkEveryMs: number
  /** The revision of the server now, for bookmarks. */
  readonly revision: () => number
  /** Is etcd hung? Then the watch stays silent. */
  readonly silent: () => boolean
}

/** How long before its end a watch sends its last bookmark. */
const LAST_BOOKMARK_MS = 2_000

/** One open watch of the API server double. */
export class WatchStream {
  readonly #response: ServerResponse
  readonly #options: WatchOptions
  readonly #timers: NodeJS.Timeout[] = []
  /** Bytes of a written chunk; 0 writes an event as one chunk. */
  splitBytes = 0
  /** While set, events gather here instead of being written. */
  #batch: string | undefined
  #sent: number

  constructor (response: ServerResponse, options: WatchOptions) {
    this.#response = response
    this.#options = options
    this.#sent = options.after
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
    response.flushHeaders()
    response.once('close', () => { this.#timers.forEach(clearInterval) })
    if (options.bookmarks) this.#timers.push(setInterval(() => { this.sendBookmark() }, options.bookmarkEveryMs))
    const { timeoutMs } = options
    if (timeoutMs === undefined) return
    if (options.bookmarks && timeoutMs > LAST_BOOKMARK_MS) {
      this.#timers.push(setTimeout(() => { this.sendBookmark() }, timeoutMs - LAST_BOOKMARK_MS))
    }
    this.#timers.push(setTimeout(() => { this.end() }, timeoutMs))
  }

  /** Sends an event if it concerns this watch: leaving the selection is DELETED, entering it ADDED. */
  sendEvent (event: StoredEvent<StoredObject>): void {
    const { namespace, selects } = this.#options
    if (this.#options.silent() || event.revision <= this.#sent) return
    this.#sent = event.revision
    if (namespace !== undefined && event.object.metadata.namespace !== namespace) return
    const was = event.previous !== undefined && selects(event.previous)
    const is = event.type !== 'DELETED' && selects(event.object)
    if (is) this.sendObject(was ? 'MODIFIED' : 'ADDED', event.object)
    else if (was && event.previous !== undefined) this.sendObject('DELETED', at(event.previous, event.object.metadata.resourceVersion))
  }

  sendObject (type: string, object: StoredObject): void {
    this.sendLine({ type, object: { ...this.#options.kind, ...(this.#options.metadataOnly === true ? { metadata: object.metadata } : object) } })
  }

  /** A bookmark as the real server writes it, with null lists. Nothing while etcd hangs. */
  sendBookmark (annotations?: Readonly<Record<string, string>>): void {
    const { bookmarks, revision, silent, after } = this.#options
    // No bookmark goes back: a watch from the future stays silent until the server gets there.
    if (!bookmarks || silent() || revision() < after) return
    const metadata = { resourceVersion: String(revision()), ...(annotations === undefined ? {} : { annotations }) }
    this.sendLine({ type: 'BOOKMARK', object: { ...this.#options.kind, metadata, ...this.#options.empty } })
  }

  sendLine (line: unknown): void {
    this.sendRaw(`${JSON.stringify(line)}\n`)
  }

  /** Any bytes, as they are. */
  sendRaw (text: string): void {
    if (this.#batch !== undefined) {
      this.#batch += text
      return
    }
    const bytes = Buffer.from(text)
    const step = this.splitBytes === 0 ? bytes.length : this.splitBytes
    for (let start = 0; start < bytes.length; start += step) this.#response.write(bytes.subarray(start, start + step))
  }

  /** Everything that is sent within `task` goes out as one chunk. */
  batch (task: () => void): void {
    this.#batch = ''
    task()
    const text = this.#batch
    this.#batch = undefined
    this.sendRaw(text)
  }

  /** The end of a watch from before what the watch cache still knows: a 410 inside of a 200. */
  expire (watchFloor: number): void {
    const message = `too old resource version: ${this.#options.after} (${watchFloor})`
    this.sendLine({ type: 'ERROR', object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'Expired', code: 410 } })
    this.end()
  }

  /** The clean end: the last chunk of the framing. */
  end (): void {
    this.#response.end()
  }
}

function at (object: StoredObject, resourceVersion: string): StoredObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion } }
}
