/**
 * The fields that Weir alone may write, those that trusted proxies alone may, and those that nobody's edits may touch: both of these, what
 * frames a message, and what speaks of one connection (RFC 9110 section 7.6.1). Cold: asked when a configuration is read or compiled.
 */
import { foldedName } from './folded-name.ts'

/** Fields that Weir takes out of every request, whoever sends it: it alone may write them. Names, and beginnings of names. */
export const RESERVED_FIELDS = {
  names: ['client-cert', 'client-cert-chain'], families: ['x-forwarded-client-cert', 'x-client-cert-', 'x-weir-']
} as const

/** Fields that say where a request came from, which trusted proxies alone may do; the families that are reserved come first. */
export const ORIGIN_CLAIMS = { names: ['forwarded', 'x-real-ip'], families: ['x-forwarded-'] } as const

const PROTECTED = {
  names: [
    'host', 'content-length', 'transfer-encoding', 'trailer', 'te', 'connection', 'keep-alive', 'proxy-authenticate',
    'proxy-authentication-info', 'proxy-authorization', 'proxy-connection', 'upgrade', 'http2-settings', 'expect', 'max-forwards', 'via',
    'date', 'x-request-id', ...ORIGIN_CLAIMS.names, ...RESERVED_FIELDS.names
  ],
  families: [...ORIGIN_CLAIMS.families, ...RESERVED_FIELDS.families]
}

interface FieldGroup {
  readonly names: readonly string[]
  readonly families: readonly string[]
}

function isAmong (folded: string, { names, families }: FieldGroup): boolean {
  return names.includes(folded) || families.some(beginning => folded.startsWith(beginning))
}

/** May no edit touch the field? Other spellings of the same name, as origins fold them (`X_Forwarded_For`), are the same. */
export function isProtectedField (name: string): boolean { return isAmong(foldedName(name), PROTECTED) }

/** Does Weir take the field out of every request, in any spelling? */
export function isReservedField (name: string): boolean { return isAmong(foldedName(name), RESERVED_FIELDS) }

/** What is wrong with going by such a field: it would be what the client has written there. */
export const RESERVED_HINT = 'is a field that Weir takes out of every request: what clients write there is not believed, so nothing can go by it; choose another one'

/** Does the field say where a request came from, which trusted proxies alone may do? */
export function isOriginClaim (name: string): boolean { return isAmong(foldedName(name), ORIGIN_CLAIMS) }
