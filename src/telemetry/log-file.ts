import { errorCode, errorText } from '../core/error-text.ts'
import { constants, fstatSync, write } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'

/** Somewhere that lines are appended to. */
export interface LogFile {
  /** @returns how many of the bytes were written; may be fewer than all */
  write (bytes: Uint8Array): Promise<number>
  close (): Promise<void>
}

const STDOUT_FD = 1
const NO_READER = 'is a named pipe that nobody reads, or a socket: start the reader first, or name a file'

/**
 * Opens a file for appending; `-` is standard output.
 * @throws the error of open(2), with `code`; Error for what can't be appended to now
 */
export async function openLogFile (path: string): Promise<LogFile> {
  if (path === '-') return openStandardOutput()
  const handle = await openToAppend(path)
  return {
    write: async bytes => (await handle.write(bytes)).bytesWritten,
    close: () => handle.close()
  }
}

/**
 * Without O_NONBLOCK, opening a named pipe would wait for its reader, and writing too.
 * @throws Error for a named pipe without a reader, and for what lines can't be appended to
 */
async function openToAppend (path: string): Promise<FileHandle> {
  const handle = await open(
    path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK, 0o640
  ).catch((error: unknown) => {
    if (errorCode(error) === 'ENXIO') throw new Error(`"${path}" ${NO_READER}`, { cause: error })
    throw error
  })
  if (!(await handle.stat()).isBlockDevice()) return handle
  await handle.close()
  throw new Error(`"${path}" is a disk`)
}

/**
 * What keeps something that is there from being written to; undefined when nothing does. A phrase that goes on from its name.
 * Nothing is made or changed.
 */
export async function findUnwritable (path: string): Promise<string | undefined> {
  try {
    const handle = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK)
    const stats = await handle.stat()
    await handle.close()
    return stats.isBlockDevice() ? 'is a disk; name a file' : undefined
  } catch (error) {
    if (errorCode(error) === 'ENXIO') return NO_READER
    return `can't be written: ${errorText(error)}`
  }
}

/**
 * A pipe goes through process.stdout, whose writes wait in the event loop. A thread of the pool that waits for a reader
 * would keep the process from ending. A file or terminal goes through the pool: process.stdout would block on those.
 */
function openStandardOutput (): LogFile {
  const kind = fstatSync(STDOUT_FD)
  return kind.isFIFO() || kind.isSocket() ? standardPipe() : { write: writeToDescriptor, close: async () => {} }
}

function standardPipe (): LogFile {
  // The callback of the write gets the error as well; without a listener it would end the process.
  const ignore = (): void => {}
  process.stdout.on('error', ignore)
  return {
    write: bytes => new Promise((resolve, reject) => {
      process.stdout.write(bytes, error => {
        if (error === null || error === undefined) resolve(bytes.length)
        else reject(error)
      })
    }),
    close: async () => { process.stdout.off('error', ignore) }
  }
}

function writeToDescriptor (bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(STDOUT_FD, bytes, (error, written) => {
      if (error === null) resolve(written)
      else reject(error)
    })
  })
}
