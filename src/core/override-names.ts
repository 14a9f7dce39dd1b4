/**
 * The field and the cookie by which a request may say which version it wants, where that counts (src/placement/override-reader.ts).
 */
import { foldedName } from './folded-name.ts'

export const OVERRIDE_FIELD = 'X-Weir-Version'
export const OVERRIDE_COOKIE = 'weir-version'

/** Is it one of these names, in any spelling that an origin folds to it? Nothing else may go by what they say: anybody can send them. */
export function isOverrideName (by: 'header' | 'cookie', name: string): boolean {
  return foldedName(name) === foldedName(by === 'header' ? OVERRIDE_FIELD : OVERRIDE_COOKIE)
}

/** What is wrong with such a name anywhere else. */
export const OVERRIDE_HINT = 'is that of an override, which `overrides` is for'
