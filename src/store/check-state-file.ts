import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { readWholeFile } from '../core/read-whole-file.ts'
import { tryCreating } from '../net/try-creating.ts'
import { openStateEnvelope } from './state-envelope.ts'
import type { StateCodec } from './state-store.ts'
import { errorCode } from './store-error.ts'

/** What a file store would find, each a phrase that goes on from the name of the file. */
export interface StateFileCheck {
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
    return { warning: `can't be understood: ${error instanceof Error ? error.message : String(error)}; a start moves it aside, and the weights of the configuration are used` }
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
