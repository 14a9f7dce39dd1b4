/**
 * Files that survive a crash of the machine: replaced as a whole, so that at any moment the whole old one or the whole new one is there.
 */
import { constants } from 'node:fs'
import * as nodeFiles from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errorCode } from '../core/error-text.ts'
import { fileError, StoreError } from './state-store.ts'

/** The calls on the file system that a change makes; replaced in tests to make them fail. */
export type StoreFiles = Pick<typeof nodeFiles, 'open' | 'rename' | 'unlink'>

const MAX_CORRUPT_FILES = 1000

/** How a file is replaced. */
export interface Replacement {
  /** What it is, for errors: `the state file`. */
  readonly what: string
  readonly files?: StoreFiles
  /** What was in it; undefined when it was not there. Asked for when the change has to be taken back. */
  readonly before: () => Uint8Array | undefined
}

/**
 * Writes a temporary file in the same directory, syncs it, renames it over the old one and syncs the directory.
 * @throws StoreError; then the file is what it was
 */
export async function replaceFile (path: string, bytes: Uint8Array, replacement: Replacement): Promise<void> {
  const { what, files = nodeFiles } = replacement
  const temporary = temporaryPath(path)
  let replaced = false
  try {
    // Opened first: when no descriptor is free, that has to show before the new state has taken the place of the old one.
    await withSync(files, dirname(path), async () => {
      await writeSynced(files, temporary, bytes)
      await files.rename(temporary, path)
      replaced = true
    })
  } catch (error) {
    if (replaced) throw await takeBack(path, replacement, error)
    await files.unlink(temporary).catch(() => undefined)
    throw fileError(error, `writing ${what}`, path)
  }
}

/** The new state has taken the place of the old one, and is refused all the same: nobody may find it there after a restart. */
async function takeBack (path: string, { files = nodeFiles, before }: Replacement, error: unknown): Promise<StoreError> {
  const temporary = temporaryPath(path)
  const failed = `syncing the directory of ${path} failed: ${errorCode(error) ?? String(error)}; check the disk`
  try {
    const old = before()
    if (old === undefined) {
      await files.unlink(path)
    } else {
      await writeSynced(files, temporary, old)
      await files.rename(temporary, path)
    }
    return new StoreError('io', `${failed}, the old state was put back`, { cause: error })
  } catch {
    await files.unlink(temporary).catch(() => undefined)
    return new StoreError('io', `${failed}. The old state is in force but could not be put back: after a restart the change may be there, so make one more when the disk is well`, { cause: error })
  }
}

/** Where the new content of a file is written first. */
export function temporaryPath (path: string): string {
  return `${path}.tmp`
}

/** Makes a directory and those above it. @throws StoreError */
export async function makeDirectory (path: string): Promise<void> {
  try {
    const first = await nodeFiles.mkdir(path, { recursive: true, mode: 0o700 })
    if (first !== undefined) await withSync(nodeFiles, dirname(first))
  } catch (error) {
    throw fileError(error, 'creating the directory', path)
  }
}

/** Takes a file that can't be used out of the way. @returns where it is now */
export async function moveAside (path: string): Promise<string> {
  const taken = new Set(await nodeFiles.readdir(dirname(path)))
  for (let number = 1; number <= MAX_CORRUPT_FILES; number++) {
    const name = `${basename(path)}.corrupt-${number}`
    if (taken.has(name)) continue
    const aside = join(dirname(path), name)
    await nodeFiles.rename(path, aside)
    return aside
  }
  throw new StoreError('io', `${path} can't be used, and there are ${MAX_CORRUPT_FILES} corrupt ones beside it already; remove them`)
}

async function writeSynced (files: StoreFiles, path: string, bytes: Uint8Array): Promise<void> {
  // A leftover is removed first and the file created anew, so that a planted link is never followed.
  await files.unlink(path).catch(() => undefined)
  const file = await files.open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Does the work in a directory and syncs it: a rename is on disk only when its directory is. Windows can't and needs not. */
async function withSync (files: Pick<StoreFiles, 'open'>, path: string, work?: () => Promise<void>): Promise<void> {
  if (process.platform === 'win32') {
    await work?.()
    return
  }
  const directory = await files.open(path, constants.O_RDONLY)
  try {
    await work?.()
    await directory.sync()
  } finally {
    await directory.close()
  }
}
