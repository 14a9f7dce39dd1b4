import { fault, type ConfigPath, type Finding } from './finding.ts'
import type { VersionConfig } from './schema.ts'

/** A fault when the route has no version of this name. */
export function checkVersionName (name: string, versions: readonly VersionConfig[], path: ConfigPath): readonly Finding[] {
  if (versions.some(version => version.name === name)) return []
  return [fault(path, `is no version of the route; it has ${versions.map(version => `"${version.name}"`).join(', ')}`)]
}
