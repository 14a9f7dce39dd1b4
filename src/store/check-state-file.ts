/**
 * The state file before the start: can it be read, and can its directory be written?
 */
import { errorCode, errorText } from '../core/error-text.ts'
import { open, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readWholeFile } from '../core/read-whole-file.ts'
import { openStateEnvelope } from './file-store.ts'
import type { StateCodec } from './state-store.ts'
import { randomUUID } from 'node:crypto'

/**
 * Makes an empty file in a directory and takes it away again. What the permissions say is not the whole truth: the file
 * system may be read-only, full, or of a kind in which nothing can be made.
 * @returns what kept it from being made, as a phrase that goes on from the name of the directory; undefined when nothing did
 */
export async function tryCreating (directory: string): Promise<string | undefined> {
  const probe = join(directory, `.weir-${randomUUID()}`)
  try {
    const file = await open(probe, 'wx', 0o600)
    await file.close()
    await unlink(probe)
    return undefined
  } catch (error) {
    return explain(errorCode(error) ?? String(error))
  }
}

function explain (code: string): string {
  switch (code) {
    case 'EACCES': case 'EPERM': return `may not be written by the user that Weir runs as (${code})`
    case 'EROFS': return `is on a read-only file system (${code})`
    case 'ENOSPC': case 'EDQUOT': return `has no space left (${code})`
    case 'ENOTDIR': return `is not a directory (${code})`
    case 'ENOENT': return `does not exist, or nothing can be made in it (${code})`
    default: return `can't be written (${code})`
  }
}

/** What a file store would find, each a phrase that goes on from the name of the file. */
interface StateFileCheck {
  /** It could not be opened. */
  readonly fault?: string
  /** It could, but not with what is in it. */
  readonly warning?: string
}

const MAX_BYTES = 64 * 1024 * 1024

/** Looks at a state file as a start would, without taking its lock or touching it: another Weir may be using it. */
export async function checkStateFile<T> (path: string, codec: StateCodec<T>): Promise<StateFileCheck> {
  const directory = await nearestDirectory(dirname(path))
  if ('fault' in directory) return directory
  const refused = await tryCreating(directory.path)
  if (refused !== undefined) return { fault: `can't be written: the directory ${directory.path} ${refused}` }
  const content = await readWholeFile(path, MAX_BYTES)
  if ('fault' in content) return content.fault.kind === 'missing' ? {} : { fault: content.fault.phrase }
  try {
    openStateEnvelope(codec, new TextDecoder('utf-8', { fatal: true }).decode(content.bytes))
    return {}
  } catch (error) {
    return { warning: `can't be understood: ${errorText(error)}; a start moves it aside, and the weights of the configuration are used` }
  }
}

/** The directory itself, or the one in which the rest of the path would be created. */
async function nearestDirectory (path: string): Promise<{ readonly path: string } | { readonly fault: string }> {
  try {
    return (await stat(path)).isDirectory() ? { path } : { fault: `can't be there: ${path} is not a directory` }
  } catch (error) {
    const code = errorCode(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return { fault: `can't be looked at: ${path} gives ${code ?? String(error)}` }
    const above = dirname(path)
    return above === path ? { fault: `can't be there: ${path} does not exist` } : await nearestDirectory(above)
  }
}
