/**
 * The lock file beside the state file: one process writes, and a lock whose process has gone is taken over.
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { link, lstat, open, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { pause } from '../core/abortable.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'
import { errorCode } from '../core/error-text.ts'
import { fileError, StoreError } from './state-store.ts'
import { parseProcessStat } from '../core/process-stat.ts'
import { parseJson } from '../core/untrusted.ts'

/** What is known of a process id: `gone`, or alive, with what tells this process from a later one of the same id. */
type ProcessIdentity =
  | { readonly alive: false }
  | { readonly alive: true, readonly started: string | null }

/**
 * Finds out whether a process of this machine lives, and when it was started. Process ids are reused, in containers at
 * every start (Weir is often process 1), so the id alone proves nothing. Where the system does not tell the time of the
 * start (no /proc), `started` is null for others and known for this process.
 */
export async function identifyProcess (pid: number): Promise<ProcessIdentity> {
  if (!isAlive(pid)) return { alive: false }
  try {
    const [stat, bootId] = await Promise.all(
      [readFile(`/proc/${pid}/stat`, 'latin1'), readFile('/proc/sys/kernel/random/boot_id', 'latin1')]
    )
    const { dead, startTime } = parseProcessStat(stat)
    return dead ? { alive: false } : { alive: true, started: `${bootId.trim()}/${startTime}` }
  } catch {
    return { alive: true, started: pid === process.pid ? `origin/${performance.timeOrigin}` : null }
  }
}

function isAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) !== 'ESRCH'
  }
}

/** How often the holder touches its lock, so that other machines see that it lives. */
const HEARTBEAT_MS = 3_000
/** A lock of another machine that was not touched for this long belongs to nobody. */
const FOREIGN_STALE_MS = 60_000
/** Between two looks at a lock whose time is in the future. */
const LOOK_MS = 500
const MAX_LOCK_BYTES = 4096
const NO_LINKS: ReadonlySet<string> = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EPERM'])

interface Holder {
  readonly token: string
  readonly pid: number
  readonly host: string
  readonly started: string | null
}

/**
 * Keeps two processes from using one file: a lock file beside it that names its holder.
 *
 * A lock whose holder is dead is taken over. On the same host that is known from the process table; from another host (a
 * volume that moved to another pod) from the time of the last touch.
 */
export class FileLock {
  readonly #path: string
  readonly #clock: Clock
  readonly #token: string
  #heartbeat: TimerHandle | undefined

  /** Use `acquire`. */
  constructor (path: string, clock: Clock, token: string) {
    this.#path = path
    this.#clock = clock
    this.#token = token
    this.#beat()
  }

  /**
   * @param path the lock file
   * @throws StoreError `locked` when a living process holds it
   */
  static async acquire (path: string, clock: Clock): Promise<FileLock> {
    const me = await identifyProcess(process.pid)
    const holder: Holder = { token: randomUUID(), pid: process.pid, host: hostname(), started: me.alive ? me.started : null }
    // Each turn either gets the lock, finds a living holder, or has removed one dead lock.
    for (let turn = 0; turn < 10; turn++) {
      if (await create(path, holder)) return new FileLock(path, clock, holder.token)
      const content = await readLock(path)
      if (content === undefined) continue
      await refuseLiving(path, content, clock)
      await removeExactly(path, content)
    }
    throw new StoreError('locked', `${path} is being fought over by several processes; give each Weir its own state.path`)
  }

  /** @throws StoreError `lock-lost` when the lock file is gone or names another holder */
  async verify (): Promise<void> {
    const content = await readLock(this.#path)
    if (content !== undefined && parseHolder(content)?.token === this.#token) return
    throw new StoreError('lock-lost', `${this.#path} no longer names this process: another one took the state file, or somebody removed the lock; restart Weir`)
  }

  /** Removes the lock file, if it is still ours. */
  async release (): Promise<void> {
    this.#heartbeat?.cancel()
    const content = await readLock(this.#path)
    if (content === undefined || parseHolder(content)?.token !== this.#token) return
    await unlink(this.#path).catch(() => undefined)
  }

  #beat (): void {
    this.#heartbeat = this.#clock.after(HEARTBEAT_MS, () => {
      const seconds = this.#clock.wallMs() / 1000
      // A touch that fails is not worth a word: verify() speaks up at the next write.
      utimes(this.#path, seconds, seconds).catch(() => undefined)
      this.#beat()
    })
  }
}

async function create (path: string, holder: Holder): Promise<boolean> {
  // The content is complete before the name appears, so nobody can read half a lock.
  const draft = `${path}.${holder.token}`
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(JSON.stringify(holder))
    } finally {
      await file.close()
    }
    await link(draft, path).catch((error: unknown) => {
      if (!NO_LINKS.has(errorCode(error) ?? '')) throw error
      // A file system without hard links: two steps, and a reader between them sees a lock of nobody.
      return writeFile(path, JSON.stringify(holder), { flag: 'wx', mode: 0o600 })
    })
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw fileError(error, 'locking', path)
  } finally {
    await unlink(draft).catch(() => undefined)
  }
}

async function readLock (path: string): Promise<string | undefined> {
  try {
    // Not followed and not waited for: a named pipe would hang the start, a device might never end.
    const found = await lstat(path)
    if (!found.isFile()) throw new StoreError('io', `${path} is not a regular file, so it is no lock of Weir; remove it, or set another state.path`)
    const { size } = found
    return size > MAX_LOCK_BYTES ? '' : await readFile(path, { encoding: 'utf8', flag: constants.O_RDONLY | constants.O_NONBLOCK })
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw fileError(error, 'reading the lock', path)
  }
}

async function refuseLiving (path: string, content: string, clock: Clock): Promise<void> {
  const holder = parseHolder(content)
  if (holder === undefined) return
  if (holder.host !== hostname()) {
    const touched = await stat(path).then(found => found.mtimeMs, () => 0)
    const ageMs = clock.wallMs() - touched
    if (ageMs > FOREIGN_STALE_MS) return
    if (-ageMs > FOREIGN_STALE_MS && !await isTouched(path, touched, clock)) return
    throw new StoreError('locked', `${path}: the state file is used by process ${holder.pid} on host ${holder.host}, seen ${Math.max(0, Math.round(ageMs / 1000))} s ago; ` +
      `stop it, or wait ${FOREIGN_STALE_MS / 1000} s if it is gone, or set another state.path`)
  }
  const found = await identifyProcess(holder.pid)
  if (!found.alive) return
  if (found.started !== null && holder.started !== null && found.started !== holder.started) return
  throw new StoreError('locked', `${path}: the state file is used by process ${holder.pid}; stop it or set another state.path`)
}

/**
 * A time in the future says nothing of how long ago it was: a clock was wrong once, or is. A living holder shows that it lives.
 * @returns has the lock been touched within two heartbeats?
 */
async function isTouched (path: string, before: number, clock: Clock): Promise<boolean> {
  const looks = Math.ceil(2 * HEARTBEAT_MS / LOOK_MS)
  for (let look = 0; look < looks; look++) {
    await pause(clock, LOOK_MS)
    if (await stat(path).then(({ mtimeMs }) => mtimeMs, () => 0) !== before) return true
  }
  return false
}

/** Removes a dead lock, but never one that another process created in the meantime. */
async function removeExactly (path: string, content: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw fileError(error, 'taking over the lock', path)
  }
  try {
    if (await readLock(aside) !== content) await link(aside, path).catch(() => undefined)
  } finally {
    await unlink(aside).catch(() => undefined)
  }
}

function parseHolder (content: string): Holder | undefined {
  const plain = parseJson(content)
  if (typeof plain !== 'object' || plain === null) return undefined
  const { token, pid, host, started }: { token?: unknown, pid?: unknown, host?: unknown, started?: unknown } = plain
  if (typeof token !== 'string' || typeof host !== 'string') return undefined
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1) return undefined
  return { token, pid, host, started: typeof started === 'string' ? started : null }
}
