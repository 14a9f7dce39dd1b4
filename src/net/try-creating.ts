import { randomUUID } from 'node:crypto'
import { open, unlink } from 'node:fs/promises'
import { join } from 'node:path'

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
    return explain(error instanceof Error && 'code' in error ? String(error.code) : String(error))
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
