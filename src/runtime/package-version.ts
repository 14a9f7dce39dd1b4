/**
 * The version of Weir, from package.json: the one place where it is written.
 */
import { readFileSync } from 'node:fs'

/** @throws Error when package.json is missing or has no version */
export function packageVersion (): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const version: unknown = typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'version') : undefined
  if (typeof version !== 'string') throw new Error('package.json has no version')
  return version
}
