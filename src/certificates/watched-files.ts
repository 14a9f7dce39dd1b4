/**
 * Files that are read again when they change: certificates, keys, authorities. It knows nothing of what is in them.
 */
import { readWholeFile } from '../core/read-whole-file.ts'
import { watchedFile } from '../config/watch.ts'
import type { Clock } from '../core/clock.ts'
import { LookSchedule } from '../net/look-schedule.ts'

/** What a file holds, or why that can't be told: a phrase that goes on from the name of the file. */
export type FileContent = { readonly bytes: Buffer } | {
  readonly fault: string
  /** No descriptor was free, which says nothing of the file. */
  readonly exhausted?: true
}

/** Certificates, keys and bundles of authorities are smaller by far: the one of Mozilla has 250 KiB. */
const MAX_FILE_BYTES = 1_048_576

/** Reads a regular file of at most MAX_FILE_BYTES. Never throws, never waits for a pipe. */
export async function readSmallFile (path: string): Promise<FileContent> {
  const file = await readWholeFile(path, MAX_FILE_BYTES)
  if ('bytes' in file) return file
  const { kind, phrase } = file.fault
  if (kind === 'exhausted') return { fault: phrase, exhausted: true }
  return { fault: kind === 'missing' ? `${phrase}; is the volume mounted, and the path right?` : phrase }
}

interface WatchedFilesOptions {
  readonly clock: Clock
  /** Files with new content that stands still; `contentOf` gives it. A file that can't be read any more is new content too. */
  readonly onChange: (paths: ReadonlySet<string>) => void
  /** How a file is read; replaced in tests to make it fail. */
  readonly readFile?: typeof readSmallFile
  /** Between two looks when nothing is heard, in milliseconds. */
  readonly pollMs?: number
  /** How long new content has to stand still, in milliseconds: a file that is written in place is seen half-written. */
  readonly settleMs?: number
  /** How long a file has to be unreadable until that is news, in milliseconds. */
  readonly graceMs?: number
}

interface Entry {
  /** What was told of the file last. */
  content: FileContent
  /** What was seen since, and when first (monotonic ms). */
  candidate: FileContent | null
  sinceMs: number
  readonly unsubscribe: () => void
}

/**
 * Watches a set of files by their content. Events of the file system only hasten the next look, so that every way to
 * replace a file works: writing in place, renaming another over it, and the swap of a Secret's `..data` link.
 */
export class WatchedFiles {
  readonly #clock: Clock
  readonly #onChange: WatchedFilesOptions['onChange']
  readonly #readFile: typeof readSmallFile
  readonly #pollMs: number
  readonly #settleMs: number
  readonly #graceMs: number
  readonly #entries = new Map<string, Entry>()
  readonly #schedule: LookSchedule

  constructor (options: WatchedFilesOptions) {
    this.#clock = options.clock
    this.#onChange = options.onChange
    this.#readFile = options.readFile ?? readSmallFile
    this.#pollMs = options.pollMs ?? 10_000
    this.#settleMs = options.settleMs ?? 100
    this.#graceMs = options.graceMs ?? 2_000
    this.#schedule = new LookSchedule({ clock: options.clock, hintMs: this.#settleMs, look: async () => await this.#look() })
    this.#schedule.start()
  }

  /**
   * Adds files and reads them; those that are watched already are read again. `onChange` does not tell of what this reads.
   * @returns what each holds now
   */
  async add (paths: Iterable<string>): Promise<ReadonlyMap<string, FileContent>> {
    const contents = new Map<string, FileContent>()
    for (const path of new Set(paths)) {
      const seen = await this.#readFile(path)
      contents.set(path, 'fault' in seen && seen.exhausted === true ? this.contentOf(path) ?? seen : seen)
    }
    if (this.#schedule.stopped) return contents
    for (const [path, content] of contents) {
      const known = this.#entries.get(path)
      if (known === undefined) {
        const unsubscribe = watchedFile(path).subscribe(() => { this.#schedule.hint() })
        this.#entries.set(path, { content, candidate: null, sinceMs: 0, unsubscribe })
      } else {
        known.content = content
        known.candidate = null
      }
    }
    if (this.#entries.size > 0) this.#schedule.lookIn(this.#pollMs)
    return contents
  }

  /** Forgets the files that are not among these. */
  retain (paths: Iterable<string>): void {
    const kept = new Set(paths)
    for (const [path, { unsubscribe }] of this.#entries) {
      if (kept.has(path)) continue
      unsubscribe()
      this.#entries.delete(path)
    }
  }

  /** What was told of a file last; undefined when it is not watched. */
  contentOf (path: string): FileContent | undefined {
    return this.#entries.get(path)?.content
  }

  /** Ends watching. No callback follows. */
  stop (): void {
    this.#schedule.stop()
    this.retain([])
  }

  /** @returns when to look again, in milliseconds */
  async #look (): Promise<number> {
    const changed = new Set<string>()
    for (const [path, entry] of [...this.#entries]) {
      const { content } = entry
      const seen = await this.#readFile(path)
      if (this.#schedule.stopped) return Infinity
      if ('fault' in seen && seen.exhausted === true) continue
      // Else it was forgotten or read anew meanwhile.
      if (this.#entries.get(path) === entry && entry.content === content && this.#isNews(entry, seen)) changed.add(path)
    }
    if (changed.size > 0) this.#onChange(changed)
    if (this.#entries.size === 0) return Infinity
    return this.#unsettled() ? this.#settleMs : this.#pollMs
  }

  #isNews (entry: Entry, seen: FileContent): boolean {
    if (isSame(seen, entry.content)) {
      entry.candidate = null
      return false
    }
    const now = this.#clock.nowMs()
    if (entry.candidate === null || !isSame(seen, entry.candidate)) {
      entry.candidate = seen
      entry.sinceMs = now
      return false
    }
    if (now - entry.sinceMs < ('fault' in seen ? this.#graceMs : this.#settleMs)) return false
    entry.content = seen
    entry.candidate = null
    return true
  }

  #unsettled (): boolean {
    return [...this.#entries.values()].some(({ candidate }) => candidate !== null)
  }
}

function isSame (one: FileContent, other: FileContent): boolean {
  if ('fault' in one || 'fault' in other) return 'fault' in one && 'fault' in other && one.fault === other.fault
  return one.bytes.equals(other.bytes)
}
