/**
 * The authorities that versions name for the certificates of their endpoints.
 */
import type { ConfigFault } from '../config/config-error.ts'
import { formatPath } from '../config/finding.ts'
import type { Config } from '../config/schema.ts'
import type { Authorities } from '../contract/route-spec.ts'
import { findFileFaults, FollowedFiles, type FollowedFilesOptions, type NamedFile } from './followed-files.ts'
import { parseAuthorities } from './parse-pem.ts'

export class AuthorityFiles extends FollowedFiles<Authorities> {
  constructor (options: FollowedFilesOptions) {
    super({ words: 'authorities for endpoints', namesOf, parse: parseAuthorities }, options)
  }
}

/** What is wrong with the files of a configuration. */
export async function findAuthorityFaults (config: Config, source: string): Promise<readonly ConfigFault[]> {
  return await findFileFaults({ namesOf, parse: parseAuthorities }, config, source)
}

/** Every file once, with the option that names it first. */
function namesOf (config: Config): readonly NamedFile[] {
  const first = new Map<string, NamedFile>()
  for (const [route, { versions }] of config.routes.entries()) {
    for (const [version, { tls }] of versions.entries()) {
      const file = tls?.ca
      if (file === undefined || first.has(file)) continue
      first.set(file, { file, path: formatPath(['routes', route, 'versions', version, 'tls', 'ca']) })
    }
  }
  return [...first.values()]
}
