/**
 * Keeps each list in a file of its own, in a directory beside the state file. A change replaces the file as a whole.
 */
import { constants } from 'node:fs'
import { open, readdir, unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { errorCode, errorText } from '../core/error-text.ts'
import type { EventLog } from '../core/logger.ts'
import { SerialQueue } from '../core/serial-queue.ts'
import { makeDirectory, moveAside, replaceFile, temporaryPath, type StoreFiles } from '../store/durable-file.ts'
import { FileLock } from '../store/file-lock.ts'
import type { ChangeDeadline } from '../store/change-deadline.ts'
import { ALL_IS_WELL, fileError, StoreError, type StoreStatus, Watchers } from '../store/state-store.ts'
import { MAX_STORED_BYTES, NewerList, openList, sealList } from './seal-list.ts'
import { assertInTime, listKey, type ListListener, type ListStore, refOfKey } from './list-store.ts'
import { MemberList, type ListRef } from './member-list.ts'

/** What lies beside the files of lists: a write under way, what was moved aside. */
const BESIDE = /\.tmp$|\.corrupt-\d+$/

interface FileListStoreOptions {
  /** The state file: the directory is named for it. */
  readonly statePath: string
  readonly clock: Clock
  readonly log: EventLog
  readonly files?: StoreFiles
}

export class FileListStore implements ListStore {
  readonly known = Promise.resolve()
  readonly #directory: string
  readonly #options: FileListStoreOptions
  readonly #lists = new Map<string, MemberList>()
  readonly #queue = new SerialQueue()
  readonly #watchers: Watchers<Parameters<ListListener>>
  /** Taken with the first list: who has none needs no directory. */
  #lock: FileLock | undefined

  constructor (options: FileListStoreOptions) {
    this.#options = options
    this.#directory = `${resolve(options.statePath)}.lists`
    this.#watchers = new Watchers(error => { options.log.error('a watcher of the lists failed', { error: String(error) }) })
  }

  status (): StoreStatus { return ALL_IS_WELL }

  async load (refs: readonly ListRef[]): Promise<void> {
    await this.#queue.run(async () => {
      for (const ref of refs) {
        if (this.#lists.has(listKey(ref))) continue
        await this.#open()
        this.#lists.set(listKey(ref), await this.#read(ref))
      }
    })
  }

  async storedOf (route: string): Promise<readonly string[]> {
    // Who has no list has no directory; what can't be read is said where it is needed.
    const names = await readdir(this.#directory).catch(() => [])
    return names.filter(name => !BESIDE.test(name)).map(refOfKey).flatMap(ref => ref?.route === route ? [ref.list] : [])
  }

  current (ref: ListRef): MemberList {
    return this.#lists.get(listKey(ref)) ?? MemberList.EMPTY
  }

  async change (ref: ListRef, edit: (before: MemberList) => MemberList, deadline: ChangeDeadline): Promise<MemberList> {
    return await this.#queue.run(async () => {
      assertInTime(deadline)
      const before = this.current(ref)
      const after = edit(before)
      if (after === before) return after
      await this.#open()
      await this.#lock?.verify()
      const { files } = this.#options
      await replaceFile(this.#pathOf(ref), sealList(ref, after), {
        what: 'the list', before: () => sealList(ref, before), ...(files === undefined ? {} : { files })
      })
      this.#lists.set(listKey(ref), after)
      this.#watchers.tell([ref, after])
      return after
    })
  }

  watch (listener: ListListener): () => void {
    return this.#watchers.add(([ref, members]) => { listener(ref, members) })
  }

  retain (refs: readonly ListRef[]): void {
    const keys = new Set(refs.map(listKey))
    for (const key of this.#lists.keys()) if (!keys.has(key)) this.#lists.delete(key)
  }

  async close (): Promise<void> {
    await this.#queue.idle()
    this.#watchers.clear()
    await this.#lock?.release()
    this.#lock = undefined
  }

  #pathOf (ref: ListRef): string {
    return join(this.#directory, listKey(ref))
  }

  async #open (): Promise<void> {
    if (this.#lock !== undefined) return
    await makeDirectory(this.#directory)
    this.#lock = await FileLock.acquire(join(this.#directory, 'lock'), this.#options.clock)
  }

  /** What can't be used is moved aside, and the list is empty. */
  async #read (ref: ListRef): Promise<MemberList> {
    const path = this.#pathOf(ref)
    await unlink(temporaryPath(path)).catch(() => undefined)
    let fault: string
    try {
      const bytes = await readStored(path)
      if (bytes === undefined) return MemberList.EMPTY
      return openList(ref, bytes)
    } catch (error) {
      if (error instanceof StoreError) throw error
      if (errorCode(error) !== undefined) throw fileError(error, 'reading the list', path)
      fault = errorText(error)
      if (error instanceof NewerList) throw new StoreError('read-only', `${path} ${fault}: run the newer Weir, or move the file away`)
    }
    const aside = await moveAside(path)
    this.#options.log.error('a stored list can\'t be used and was moved aside; the list is empty until it is imported again', {
      route: ref.route, list: ref.list, path, movedTo: aside, fault
    })
    return MemberList.EMPTY
  }
}

/** @returns undefined when there is none */
async function readStored (path: string): Promise<Buffer | undefined> {
  let file
  try {
    // Not followed and not waited for: a link would be somebody else's, a named pipe would hang the start.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new StoreError('io', `${path} is not a regular file; remove it, or set another state.path`)
    if (found.size > MAX_STORED_BYTES) throw new Error(`is ${found.size} bytes long, more than a list may be`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}
