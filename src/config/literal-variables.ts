import { isMapping, type ConfigPath } from './config-path.ts'
import { warning, type Finding } from './finding.ts'
import { holdsVariable } from './odd-keys.ts'

/**
 * Texts such as `/srv/${NAME}/key.pem` where any text is allowed. They mean what they say, which is hardly what was meant.
 * @param bytes of the file: looking through a large configuration is not for free
 */
export function findLiteralVariables (bytes: Uint8Array, value: unknown): readonly Finding[] {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('${') ? collect(value, []) : []
}

function collect (value: unknown, path: ConfigPath): readonly Finding[] {
  if (typeof value === 'string') {
    return holdsVariable(value) ? [warning(path, 'is taken as it stands: variables are not filled in in the file; run it through `envsubst` first')] : []
  }
  if (Array.isArray(value)) return value.flatMap((entry: unknown, index) => collect(entry, [...path, index]))
  return isMapping(value) ? Object.entries(value).flatMap(([key, entry]) => collect(entry, [...path, key])) : []
}
