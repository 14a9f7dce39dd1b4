import { errorCode, errorText } from './error-text.ts'
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'

/** Why a file can't be used. */
export interface FileFault {
  /** `special`: neither a regular file nor a directory, such as a named pipe. `exhausted`: no descriptor is free, which
   * says nothing of the file. `system`: the operating system refused. */
  readonly kind: 'missing' | 'directory' | 'special' | 'large' | 'grew' | 'exhausted' | 'system'
  /** For people: a phrase that goes on from the name of the file. */
  readonly phrase: string
  /** What the operating system said, as Node puts it; empty when it did not refuse. */
  readonly systemMessage: string
}

export type WholeFile = { readonly bytes: Buffer } | { readonly fault: FileFault }

/**
 * Reads a regular file whole. Never throws and never waits: a named pipe is refused at once.
 * @param maxBytes a file with more is refused, unread
 */
export async function readWholeFile (path: string, maxBytes: number): Promise<WholeFile> {
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for its writer.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return await readOpen(file, maxBytes)
    } finally {
      await file.close()
    }
  } catch (error) {
    return { fault: systemFault(error) }
  }
}

async function readOpen (file: FileHandle, maxBytes: number): Promise<WholeFile> {
  const stats = await file.stat()
  if (!stats.isFile()) return refuse(stats.isDirectory() ? 'directory' : 'special', 'is not a regular file')
  if (stats.size > maxBytes) return refuse('large', `has ${stats.size} bytes; ${maxBytes} are allowed`)
  // One byte more, to notice a file that grows while it is read.
  const buffer = Buffer.alloc(stats.size + 1)
  let length = 0
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  if (length > stats.size) return refuse('grew', 'grew while it was read; write it elsewhere and rename it into place')
  return { bytes: buffer.subarray(0, length) }
}

function refuse (kind: FileFault['kind'], phrase: string): WholeFile {
  return { fault: { kind, phrase, systemMessage: '' } }
}

function systemFault (error: unknown): FileFault {
  const code = errorCode(error)
  const systemMessage = errorText(error)
  switch (code) {
    case 'ENOENT': return { kind: 'missing', phrase: 'does not exist', systemMessage }
    case 'EACCES': case 'EPERM': return { kind: 'system', phrase: 'may not be read by the user that Weir runs as', systemMessage }
    case 'ENOTDIR': return { kind: 'system', phrase: 'has a part in its path that is not a directory', systemMessage }
    case 'EMFILE': case 'ENFILE': return { kind: 'exhausted', phrase: `cannot be read now: no file descriptor is free (${code}); raise RLIMIT_NOFILE`, systemMessage }
    case 'ELOOP': return { kind: 'system', phrase: 'is a symbolic link that leads in a circle', systemMessage }
    default: return { kind: 'system', phrase: `cannot be read: ${systemMessage}`, systemMessage }
  }
}
