import { errorCode, errorText } from '../core/error-text.ts'
import * as nodeFiles from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Clock } from '../core/clock.ts'
import type { EventLog } from '../core/logger.ts'
import { makeDirectory, moveAside, replaceFile, temporaryPath, type StoreFiles } from './durable-file.ts'
import { FileLock } from './file-lock.ts'
import { SerialQueue } from '../core/serial-queue.ts'
import {
  ALL_IS_WELL, fileError, type StateCodec, type StateStore, StoreError, type StoreStatus, type SwapResult, type Versioned,
  Watchers
} from './state-store.ts'

/**
 * What is in a state file: the value inside an envelope that says what the file is.
 *
 *     {"format":"weir-state","formatVersion":1,"version":"42","value":{…}}
 */

const FORMAT = 'weir-state'
/** Of values that any Weir can read. */
const FIRST_FORMAT = 1

/** The text of a state file. */
export function sealStateEnvelope<T> (codec: StateCodec<T>, current: Versioned<T>): string {
  const head = JSON.stringify({ format: FORMAT, formatVersion: codec.formatOf?.(current.value) ?? FIRST_FORMAT, version: current.version })
  return `${head.slice(0, -1)},"value":${codec.encode(current.value)}}\n`
}

/**
 * Reads the text of a state file.
 * @throws Error with a message for people when it is not one, or one of a newer Weir
 */
export function openStateEnvelope<T> (codec: StateCodec<T>, text: string): Versioned<T> {
  if (text.trim() === '') throw new Error('the file is empty')
  let plain: unknown
  try {
    plain = JSON.parse(text)
  } catch {
    throw new Error('it is not valid JSON: cut off or overwritten')
  }
  if (typeof plain !== 'object' || plain === null) throw new Error('it is not a state file of Weir')
  const { format, formatVersion, version, value }: { format?: unknown, formatVersion?: unknown, version?: unknown, value?: unknown } = plain
  if (format !== FORMAT) throw new Error('it is not a state file of Weir')
  const newest = codec.newestFormat ?? FIRST_FORMAT
  if (typeof formatVersion !== 'number' || !Number.isSafeInteger(formatVersion) || formatVersion < FIRST_FORMAT || formatVersion > newest) {
    throw new Error(`its format version is ${JSON.stringify(formatVersion)}; this Weir reads ${newest === FIRST_FORMAT ? newest : `${FIRST_FORMAT} to ${newest}`}`)
  }
  if (typeof version !== 'string' || !/^[0-9]{1,15}$/.test(version)) throw new Error('its version is not a number')
  return { version, value: codec.decode(value) }
}

interface FileStoreOptions<T> {
  readonly path: string
  readonly codec: StateCodec<T>
  readonly clock: Clock
  readonly log: EventLog
  /** The largest state file that is read or written, in bytes. */
  readonly maxBytes?: number
  readonly files?: StoreFiles
}

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024
/** The version of a state that is in no file. */
const NEVER_WRITTEN = '0'

/**
 * Keeps the value in a file that one process owns.
 *
 * A commit writes a temporary file in the same directory, syncs it, renames it over the old one and syncs the directory,
 * all before it resolves: at any moment a crash leaves the whole old state or the whole new one.
 */
export class FileStore<T> implements StateStore<T> {
  readonly shared = false
  readonly #path: string
  readonly #codec: StateCodec<T>
  readonly #maxBytes: number
  readonly #files: StoreFiles
  readonly #lock: FileLock
  readonly #queue = new SerialQueue()
  readonly #watchers: Watchers<Versioned<T>>
  #current: Versioned<T>
  #closed = false

  /** Use `open`. */
  constructor (path: string, options: FileStoreOptions<T>, lock: FileLock, current: Versioned<T>) {
    this.#path = path
    this.#codec = options.codec
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
    this.#files = options.files ?? nodeFiles
    this.#lock = lock
    this.#current = current
    this.#watchers = new Watchers(error => {
      options.log.error('a watcher of the state store failed', { error: String(error) })
    })
  }

  /**
   * Creates the directory, takes the lock and reads the file. A file that can't be understood is moved aside to
   * `<file>.corrupt-<n>`, which is logged as an error, and the store starts empty.
   * @throws StoreError when the file is locked by a living process, or may not be read
   */
  static async open<T> (options: FileStoreOptions<T>): Promise<FileStore<T>> {
    const given = resolve(options.path)
    const path = await realPath(given)
    await makeDirectory(dirname(path))
    const lock = await FileLock.acquire(`${path}.lock`, options.clock)
    try {
      await nodeFiles.unlink(temporaryPath(path)).catch(() => undefined)
      const current = await load(path, options, await isLink(given))
      return new FileStore(path, options, lock, current)
    } catch (error) {
      await lock.release()
      throw fileError(error, 'opening the state file', path)
    }
  }

  status (): StoreStatus { return ALL_IS_WELL }

  async read (): Promise<Versioned<T>> {
    this.#assertOpen()
    return this.#current
  }

  watch (listener: (current: Versioned<T>) => void): () => void {
    return this.#watchers.add(listener)
  }

  compareAndSwap (expectedVersion: string, value: T): Promise<SwapResult<T>> {
    return this.#queue.run(async () => {
      this.#assertOpen()
      if (expectedVersion !== this.#current.version) return { ok: false, reason: 'conflict', current: this.#current }
      const next = { value, version: String(Number(expectedVersion) + 1) }
      await this.#commit(sealStateEnvelope(this.#codec, next))
      this.#current = next
      this.#watchers.tell(next)
      return { ok: true, version: next.version }
    })
  }

  async close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#queue.idle()
    this.#watchers.clear()
    await this.#lock.release()
  }

  async #commit (text: string): Promise<void> {
    const bytes = Buffer.from(text)
    if (bytes.length > this.#maxBytes) {
      throw new StoreError('too-large', `the state would take ${bytes.length} bytes in ${this.#path}, more than the ${this.#maxBytes} allowed; the old state is kept`)
    }
    await this.#lock.verify()
    const current = this.#current
    await replaceFile(this.#path, bytes, {
      what: 'the state file',
      files: this.#files,
      before: () => current.version === NEVER_WRITTEN ? undefined : Buffer.from(sealStateEnvelope(this.#codec, current))
    })
  }

  #assertOpen (): void {
    if (this.#closed) throw new StoreError('closed', `the state store ${this.#path} has been closed`)
  }
}

async function isLink (path: string): Promise<boolean> {
  return await nodeFiles.lstat(path).then(found => found.isSymbolicLink(), () => false)
}

/** Follows a symbolic link, so that a rename replaces the file it points to and not the link. */
async function realPath (path: string): Promise<string> {
  try {
    return await nodeFiles.realpath(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return path
    throw fileError(error, 'opening the state file', path)
  }
}

/** @param linked a symbolic link led here, so what is no state file belongs to somebody else and stays where it is */
async function load<T> (path: string, options: FileStoreOptions<T>, linked: boolean): Promise<Versioned<T>> {
  const empty = { value: options.codec.initial, version: NEVER_WRITTEN }
  let stats
  try {
    stats = await nodeFiles.stat(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return empty
    throw error
  }
  if (!stats.isFile()) throw new StoreError('io', `${path} is not a regular file; set state.path to a file`)
  let fault: string
  if (stats.size > (options.maxBytes ?? DEFAULT_MAX_BYTES)) {
    fault = `it is ${stats.size} bytes long, more than a state file may be`
  } else {
    const bytes = await nodeFiles.readFile(path)
    try {
      return openStateEnvelope(options.codec, new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    } catch (error) {
      fault = errorText(error)
    }
  }
  if (linked) throw new StoreError('io', `state.path is a symbolic link to ${path}, which is no state file that can be used: ${fault}; nothing was changed, set state.path to another file`)
  const aside = await moveAside(path)
  options.log.error('the state file can\'t be used and was moved aside; run-time weights start from the configuration', { path, movedTo: aside, fault })
  return empty
}
