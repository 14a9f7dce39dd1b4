/** `weir token version`: a signed override. It speaks to nobody: whoever has the key may sign. */
import type { Clock } from '../../core/clock.ts'
import { readSecretKeys } from '../../core/secret-file.ts'
import { NAME_PATTERN } from '../../config/patterns.ts'
import { signOverride } from '../../placement/override-token.ts'
import { signingKey } from '../../placement/signing-key.ts'
import { CommandError, EXIT } from './command-error.ts'
import { isOpenToOthers } from './connection.ts'

/** A token that was lost counts for so long at most. */
const MAX_EXPIRES_MS = 30 * 24 * 3_600_000
const MIN_EXPIRES_MS = 1_000

/** What is to be signed. */
export interface TokenRequest {
  readonly route: string
  readonly version: string
  readonly keyFile: string
  readonly expiresMs: number
}

/**
 * The token, by the first key of the file.
 * @param warn told of what is odd about the file
 * @throws CommandError when the file holds none, or the token could never count
 */
export async function versionToken (
  { route, version, keyFile, expiresMs }: TokenRequest, clock: Clock, warn: (text: string) => void
): Promise<string> {
  for (const [what, name] of Object.entries({ route, version })) {
    if (!new RegExp(NAME_PATTERN).test(name)) throw new CommandError(`${JSON.stringify(name.slice(0, 80))} is no name of a ${what}`, EXIT.usage)
  }
  if (expiresMs < MIN_EXPIRES_MS || expiresMs > MAX_EXPIRES_MS) throw new CommandError('--expires has to be from 1s to 720h: whoever finds a token may use it until then', EXIT.usage)
  const read = await readSecretKeys(keyFile)
  if ('fault' in read) throw new CommandError(`${keyFile}: ${read.fault}`)
  if (await isOpenToOthers(keyFile)) warn(`${keyFile}: others can read it, and whoever does may sign; chmod 600 it`)
  const expires = Math.ceil((clock.wallMs() + expiresMs) / 1_000)
  return signOverride(signingKey(read.keys[0].export()), { route, version, expires })
}
