import { fstatSync, write } from 'node:fs'
import { open } from 'node:fs/promises'

/** Somewhere that lines are appended to. */
export interface LogFile {
  /** @returns how many of the bytes were written; may be fewer than all */
  write (bytes: Uint8Array): Promise<number>
  close (): Promise<void>
}

const STDOUT_FD = 1

/**
 * Opens a file for appending; `-` is standard output.
 * @throws the error of open(2), with `code`
 */
export async function openLogFile (path: string): Promise<LogFile> {
  if (path === '-') return openStandardOutput()
  const handle = await open(path, 'a', 0o640)
  return {
    write: async (bytes) => (await handle.write(bytes)).bytesWritten,
    close: () => handle.close()
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
    write: (bytes) => new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => {
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
