import { ConfigError } from './config-error.ts'
import type { ConfigText } from './load.ts'
import { MAX_CONFIG_BYTES } from './read-config-file.ts'

const NAME = 'standard input'

/**
 * Reads a configuration from standard input, to its end.
 * @throws ConfigError when it can't be read or has more than MAX_CONFIG_BYTES
 */
export async function readStandardInput (input: AsyncIterable<unknown> = process.stdin): Promise<ConfigText> {
  const pieces: Uint8Array[] = []
  let length = 0
  try {
    for await (const piece of input) {
      if (!(piece instanceof Uint8Array)) continue
      length += piece.length
      if (length > MAX_CONFIG_BYTES) throw fault(`has more than ${MAX_CONFIG_BYTES} bytes`)
      pieces.push(piece)
    }
  } catch (error) {
    throw error instanceof ConfigError ? error : fault(`can't be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  return { bytes: Buffer.concat(pieces), name: NAME }
}

function fault (message: string): ConfigError {
  return new ConfigError([{ path: '', value: null, message, source: NAME }])
}
