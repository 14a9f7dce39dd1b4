/**
 * Files that a configuration names and that the workers get the content of: read before it is used, watched from then on, and kept as they
 * were when one goes bad.
 */
import { ConfigError, fileFault, type ConfigFault } from '../config/config-error.ts'
import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { PreparedChange } from '../core/prepared-change.ts'
import { type FileContent, readSmallFile, WatchedFiles } from './watched-files.ts'

export interface FollowedFilesOptions {
  readonly clock: Clock
  readonly log: Logger
  /** A file has other content now. */
  readonly onChange: () => void
  /** How a file is read; replaced in tests to make it wait. */
  readonly readFile?: typeof readSmallFile
}

/** What kind of files they are. */
interface FileKind<Content> {
  /** What the log calls what is in them. */
  readonly words: string
  readonly namesOf: (config: Config) => readonly NamedFile[]
  readonly parse: (content: FileContent) => Content | { readonly fault: string }
}

/** A file, with the option that names it first. */
export interface NamedFile {
  readonly file: string
  readonly path: string
}

export class FollowedFiles<Content extends { readonly digest: string }> {
  readonly #kind: FileKind<Content>
  readonly #log: Logger
  readonly #onChange: () => void
  readonly #files: WatchedFiles
  /** The last good content of each file of the configuration in force. */
  readonly #good = new Map<string, Content>()
  /** That of the files which only the configuration that is being prepared names. They are watched already. */
  #prepared = new Map<string, Content>()
  /** One of these has changed since: routes may have been made of what it held before. */
  #preparedChanged = false

  constructor (kind: FileKind<Content>, { clock, log, onChange, readFile = readSmallFile }: FollowedFilesOptions) {
    this.#kind = kind
    this.#log = log
    this.#onChange = onChange
    this.#files = new WatchedFiles({ clock, readFile, onChange: paths => { this.#reread(paths) } })
  }

  /**
   * Reads the files of a configuration that are not known yet. One is prepared at a time: the one before, if it has not ended, is for
   * nobody any more.
   * @param source the file of the configuration, for faults
   * @throws ConfigError when one of them can't be used
   */
  async prepare (config: Config, source: string): Promise<PreparedChange> {
    const named = this.#kind.namesOf(config)
    const prepared = new Map<string, Content>()
    this.#prepared = prepared
    this.#preparedChanged = false
    const contents = await this.#files.add(named.map(({ file }) => file).filter(file => !this.#good.has(file)))
    const faults: ConfigFault[] = []
    for (const { file, path } of named) {
      const content = contents.get(file)
      if (content === undefined) continue
      const read = this.#kind.parse(content)
      if ('fault' in read) faults.push(fileFault({ path, file, message: read.fault }, source))
      else prepared.set(file, read)
    }
    if (faults.length === 0) return this.#change(new Set(named.map(({ file }) => file)), prepared)
    this.#giveUp(prepared)
    throw new ConfigError(faults)
  }

  /** @param files those that the new configuration names */
  #change (files: ReadonlySet<string>, prepared: Map<string, Content>): PreparedChange {
    return {
      commit: () => {},
      settle: () => {
        for (const [file, content] of prepared) this.#good.set(file, content)
        this.#prepared = new Map()
        for (const file of this.#good.keys()) if (!files.has(file)) this.#good.delete(file)
        this.#files.retain(files)
        if (this.#preparedChanged) this.#onChange()
      },
      discard: () => { this.#giveUp(prepared) }
    }
  }

  #giveUp (prepared: ReadonlyMap<string, Content>): void {
    if (this.#prepared === prepared) this.#prepared = new Map()
    this.#files.retain([...this.#good.keys(), ...this.#prepared.keys()])
  }

  /**
   * The content of a file of the configuration in force, or of the one that is being prepared.
   * @throws Error when neither names it
   */
  of (file: string): Content {
    const content = this.#good.get(file) ?? this.#prepared.get(file)
    if (content === undefined) throw new Error(`${file} was not read`)
    return content
  }

  stop (): void {
    this.#files.stop()
  }

  #reread (paths: ReadonlySet<string>): void {
    let changed = false
    for (const file of paths) {
      const content = this.#files.contentOf(file)
      const known = this.#prepared.has(file) ? this.#prepared : this.#good
      const before = known.get(file)
      if (content === undefined || before === undefined) continue
      const read = this.#kind.parse(content)
      if ('fault' in read) {
        this.#log.error(`the ${this.#kind.words} can't be read again; the last good ones stay in force`, { file, fault: read.fault })
      } else if (read.digest !== before.digest) {
        known.set(file, read)
        this.#log.info(`the ${this.#kind.words} were read again`, { file })
        if (known === this.#good) changed = true
        else this.#preparedChanged = true
      }
    }
    if (changed) this.#onChange()
  }
}

/** What is wrong with the files of a kind that a configuration names. */
export async function findFileFaults<Content extends object> (
  { namesOf, parse }: Omit<FileKind<Content>, 'words'>, config: Config, source: string
): Promise<readonly ConfigFault[]> {
  const faults: ConfigFault[] = []
  for (const { file, path } of namesOf(config)) {
    const read = parse(await readSmallFile(file))
    if ('fault' in read && typeof read.fault === 'string') faults.push(fileFault({ path, file, message: read.fault }, source))
  }
  return faults
}
