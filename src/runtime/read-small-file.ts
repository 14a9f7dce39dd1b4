import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** What a file holds, or why that can't be told: a phrase that goes on from the name of the file. */
export type FileContent = { readonly bytes: Buffer } | { readonly fault: string }

/** Certificates, keys and bundles of authorities are smaller by far: the one of Mozilla has 250 KiB. */
export const MAX_FILE_BYTES = 1_048_576

/** Reads a regular file of at most MAX_FILE_BYTES. Never throws, never waits for a pipe. */
export async function readSmallFile (path: string): Promise<FileContent> {
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for its writer.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stats = await file.stat()
      if (!stats.isFile()) return { fault: 'is not a regular file' }
      if (stats.size > MAX_FILE_BYTES) return { fault: `has ${stats.size} bytes; ${MAX_FILE_BYTES} are allowed` }
      // One byte more, to notice a file that grows while it is read.
      const { buffer, bytesRead } = await file.read(Buffer.alloc(stats.size + 1), 0, stats.size + 1, 0)
      if (bytesRead > stats.size) return { fault: 'grew while it was read; write it elsewhere and rename it into place' }
      return { bytes: buffer.subarray(0, bytesRead) }
    } finally {
      await file.close()
    }
  } catch (error) {
    return { fault: explain(error) }
  }
}

function explain (error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  switch (code) {
    case 'ENOENT': return 'does not exist; is the volume mounted, and the path right?'
    case 'EACCES': case 'EPERM': return 'may not be read by the user that Weir runs as'
    case 'ENOTDIR': return 'has a part in its path that is not a directory'
    case 'ELOOP': return 'is a symbolic link that leads in a circle'
    default: return `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}
