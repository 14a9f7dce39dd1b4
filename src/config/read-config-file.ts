import { isAbsolute, resolve } from 'node:path'
import { readWholeFile, type FileFault } from '../core/read-whole-file.ts'
import { ConfigError } from './config-error.ts'

/** More than ten thousand routes need. A Kubernetes ConfigMap holds 1 MiB. */
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024

/**
 * Reads a configuration file whole.
 * @throws ConfigError when there is no such file, it can't be read, is not a regular file or has more than MAX_CONFIG_BYTES
 */
export async function readConfigFile (file: string): Promise<Uint8Array> {
  const content = await readWholeFile(file, MAX_CONFIG_BYTES)
  if ('bytes' in content) return content.bytes
  const message = explain(content.fault, isAbsolute(file) ? '' : ` (looked for at ${resolve(file)})`)
  throw new ConfigError([{ path: '', value: null, message, source: file }], 0, content.fault.kind === 'exhausted')
}

/** @param inFull tells where a relative path leads */
function explain ({ kind, phrase }: FileFault, inFull: string): string {
  switch (kind) {
    case 'missing': return `${phrase}${inFull}; give the path of a configuration with --config FILE or WEIR_CONFIG`
    case 'directory': return 'is a directory; name the file in it'
    default: return phrase
  }
}
