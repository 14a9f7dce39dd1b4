import { open, type FileHandle } from 'node:fs/promises'
import { ConfigError } from './config-error.ts'

/** More than ten thousand routes need. A Kubernetes ConfigMap holds 1 MiB. */
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024

/**
 * Reads a configuration file whole.
 * @throws ConfigError when there is no such file, it can't be read, is not a regular file or has more than MAX_CONFIG_BYTES
 */
export async function readConfigFile (file: string): Promise<Uint8Array> {
  let handle: FileHandle
  try {
    // Without O_NONBLOCK, opening a named pipe waits for a writer.
    const { O_RDONLY, O_NONBLOCK } = (await import('node:fs')).constants
    handle = await open(file, O_RDONLY | (O_NONBLOCK ?? 0))
  } catch (error) {
    throw refuse(file, explain(error))
  }
  try {
    return await readWhole(file, handle)
  } catch (error) {
    throw error instanceof ConfigError ? error : refuse(file, explain(error))
  } finally {
    await handle.close()
  }
}

async function readWhole (file: string, handle: FileHandle): Promise<Uint8Array> {
  const stat = await handle.stat()
  if (stat.isDirectory()) throw refuse(file, 'is a directory; name the file in it')
  if (!stat.isFile()) throw refuse(file, 'is not a regular file')
  if (stat.size > MAX_CONFIG_BYTES) throw refuse(file, `has ${stat.size} bytes; ${MAX_CONFIG_BYTES} are allowed`)
  // One byte more, to notice a file that grows while it is read.
  const buffer = Buffer.allocUnsafe(stat.size + 1)
  let length = 0
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  if (length > stat.size) throw refuse(file, 'grew while it was read; write it elsewhere and rename it into place')
  return buffer.subarray(0, length)
}

function refuse (file: string, message: string): ConfigError {
  return new ConfigError([{ path: '', value: null, message, source: file }])
}

function explain (error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  switch (code) {
    case 'ENOENT': return 'does not exist; give the path of a configuration with --config FILE or WEIR_CONFIG'
    case 'EACCES': case 'EPERM': return 'may not be read by the user that Weir runs as'
    case 'ENOTDIR': return 'has a part in its path that is not a directory'
    case 'ELOOP': return 'is a symbolic link that leads in a circle'
    default: return `cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}
