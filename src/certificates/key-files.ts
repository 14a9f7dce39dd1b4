/**
 * The files of the keys that sign overrides and the cookies of Weir.
 */
import { createHash } from 'node:crypto'
import type { ConfigFault } from '../config/config-error.ts'
import { formatPath, type ConfigPath } from '../config/finding.ts'
import type { Config } from '../config/schema.ts'
import type { SigningKey } from '../contract/placement-spec.ts'
import { parseSecrets } from '../core/secret-file.ts'
import { signingKey } from '../placement/signing-key.ts'
import { findFileFaults, FollowedFiles, type FollowedFilesOptions, type NamedFile } from './followed-files.ts'
import type { FileContent } from './watched-files.ts'

/** The keys of a file, in its order. */
interface FileKeys {
  readonly digest: string
  readonly keys: readonly SigningKey[]
}

export class KeyFiles extends FollowedFiles<FileKeys> {
  constructor (options: FollowedFilesOptions) {
    super({ words: 'signing keys', namesOf, parse: parseKeys }, options)
  }

  /** The keys of several files, in their order. @throws Error when the configuration names one of them nowhere */
  allOf (files: readonly string[]): readonly SigningKey[] {
    return files.flatMap(file => this.of(file).keys)
  }
}

/** What is wrong with the files of a configuration. */
export async function findKeyFaults (config: Config, source: string): Promise<readonly ConfigFault[]> {
  return await findFileFaults({ namesOf, parse: parseKeys }, config, source)
}

function parseKeys (content: FileContent): FileKeys | { readonly fault: string } {
  if ('fault' in content) return content
  const secrets = parseSecrets(content.bytes)
  if ('fault' in secrets) return { fault: `holds no keys that can be used: ${secrets.fault}` }
  const keys = secrets.lines.map(line => signingKey(Buffer.from(line, 'latin1')))
  return { digest: createHash('sha256').update(secrets.lines.join('\n'), 'latin1').digest('hex'), keys }
}

/** Every file once, with the option that names it first. */
function namesOf (config: Config): readonly NamedFile[] {
  const first = new Map<string, NamedFile>()
  const note = (files: readonly string[], path: ConfigPath): void => {
    for (const [index, file] of files.entries()) if (!first.has(file)) first.set(file, { file, path: formatPath([...path, index]) })
  }
  note(config.overrides.keyFiles, ['overrides', 'keyFiles'])
  for (const [route, { affinity, overrides }] of config.routes.entries()) {
    note(overrides?.keyFiles ?? [], ['routes', route, 'overrides', 'keyFiles'])
    note(affinity.issue?.keyFiles ?? [], ['routes', route, 'affinity', 'issue', 'keyFiles'])
  }
  return [...first.values()]
}
