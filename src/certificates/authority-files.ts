/**
 * The authorities that versions name for the certificates of their endpoints: read before a configuration is used, watched
 * from then on, and kept as they were when a file goes bad.
 */
import { ConfigError, fileFault, type ConfigFault } from '../config/config-error.ts'
import { formatPath } from '../config/finding.ts'
import type { Config } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { PreparedChange } from '../core/prepared-change.ts'
import { parseAuthorities } from './parse-pem.ts'
import { readSmallFile, WatchedFiles } from './watched-files.ts'
import type { Authorities } from '../contract/route-spec.ts'

export interface AuthorityFilesOptions {
  readonly clock: Clock
  readonly log: Logger
  /** A file has other authorities now. */
  readonly onChange: () => void
  /** How a file is read; replaced in tests to make it wait. */
  readonly readFile?: typeof readSmallFile
}

export class AuthorityFiles {
  readonly #log: Logger
  readonly #onChange: () => void
  readonly #files: WatchedFiles
  /** The last good content of each file of the configuration in force. */
  readonly #good = new Map<string, Authorities>()
  /** That of the files which only the configuration that is being prepared names. They are watched already. */
  #prepared = new Map<string, Authorities>()
  /** One of these has changed since: routes may have been made of what it held before. */
  #preparedChanged = false

  constructor ({ clock, log, onChange, readFile = readSmallFile }: AuthorityFilesOptions) {
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
    const named = namesOf(config)
    const prepared = new Map<string, Authorities>()
    this.#prepared = prepared
    this.#preparedChanged = false
    const contents = await this.#files.add(named.map(({ file }) => file).filter(file => !this.#good.has(file)))
    const faults: ConfigFault[] = []
    for (const { file, path } of named) {
      const content = contents.get(file)
      if (content === undefined) continue
      const authorities = parseAuthorities(content)
      if ('fault' in authorities) faults.push(fileFault({ path, file, message: authorities.fault }, source))
      else prepared.set(file, authorities)
    }
    if (faults.length === 0) return this.#change(new Set(named.map(({ file }) => file)), prepared)
    this.#giveUp(prepared)
    throw new ConfigError(faults)
  }

  /** @param files those that the new configuration names */
  #change (files: ReadonlySet<string>, prepared: Map<string, Authorities>): PreparedChange {
    return {
      commit: () => {},
      settle: () => {
        for (const [file, authorities] of prepared) this.#good.set(file, authorities)
        this.#prepared = new Map()
        for (const file of this.#good.keys()) if (!files.has(file)) this.#good.delete(file)
        this.#files.retain(files)
        if (this.#preparedChanged) this.#onChange()
      },
      discard: () => { this.#giveUp(prepared) }
    }
  }

  #giveUp (prepared: ReadonlyMap<string, Authorities>): void {
    if (this.#prepared === prepared) this.#prepared = new Map()
    this.#files.retain([...this.#good.keys(), ...this.#prepared.keys()])
  }

  /**
   * The authorities in a file of the configuration in force, or of the one that is being prepared.
   * @throws Error when neither names it
   */
  of (file: string): Authorities {
    const authorities = this.#good.get(file) ?? this.#prepared.get(file)
    if (authorities === undefined) throw new Error(`${file} was not read`)
    return authorities
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
      const authorities = parseAuthorities(content)
      if ('fault' in authorities) {
        this.#log.error('the authorities for endpoints can\'t be read again; the last good ones stay in force', { file, fault: authorities.fault })
      } else if (authorities.digest !== before.digest) {
        known.set(file, authorities)
        this.#log.info('the authorities for endpoints were read again', { file })
        if (known === this.#good) changed = true
        else this.#preparedChanged = true
      }
    }
    if (changed) this.#onChange()
  }
}

/** What is wrong with the files of a configuration. */
export async function findAuthorityFaults (config: Config, source: string): Promise<readonly ConfigFault[]> {
  const faults: ConfigFault[] = []
  for (const { file, path } of namesOf(config)) {
    const authorities = parseAuthorities(await readSmallFile(file))
    if ('fault' in authorities) faults.push(fileFault({ path, file, message: authorities.fault }, source))
  }
  return faults
}

interface NamedFile {
  readonly file: string
  readonly path: string
}

/** Every file once, with the option that names it first. */
function namesOf (config: Config): readonly NamedFile[] {
  const first = new Map<string, NamedFile>()
  for (const [route, { versions }] of config.routes.entries()) {
    for (const [version, { tls }] of versions.entries()) {
      const file = tls?.ca
      if (file === undefined || first.has(file)) continue
      first.set(file, { file, path: formatPath(['routes', route, 'versions', version, 'tls', 'ca']) })
    }
  }
  return [...first.values()]
}
