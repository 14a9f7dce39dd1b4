/**
 * The fields that nobody's edits may touch: those that frame a message, those that speak of one connection (RFC 9110 section 7.6.1), and
 * those that Weir writes itself. Cold: asked when a configuration is read or compiled.
 */
import { foldedName } from './folded-name.ts'

const NAMES: ReadonlySet<string> = new Set([
  'host', 'content-length', 'transfer-encoding', 'trailer', 'te', 'connection', 'keep-alive', 'proxy-authenticate',
  'proxy-authentication-info', 'proxy-authorization', 'proxy-connection', 'upgrade', 'http2-settings', 'expect', 'max-forwards', 'via',
  'date', 'forwarded', 'x-real-ip', 'x-request-id', 'client-cert', 'client-cert-chain'
])

const FAMILIES: readonly string[] = ['x-forwarded-', 'x-weir-', 'x-client-cert-']

/** May no edit touch the field? Other spellings of the same name, as origins fold them (`X_Forwarded_For`), are the same. */
export function isProtectedField (name: string): boolean {
  const folded = foldedName(name)
  return NAMES.has(folded) || FAMILIES.some(beginning => folded.startsWith(beginning))
}

/** Does Weir take the field out of every request, whoever sends it? The fields of FIELD.reserved (src/http1/field-id.ts). */
export function isReservedField (name: string): boolean {
  const folded = foldedName(name)
  return folded === 'client-cert' || folded === 'client-cert-chain' ||
    ['x-client-cert-', 'x-weir-', 'x-forwarded-client-cert'].some(beginning => folded.startsWith(beginning))
}

/** What is wrong with going by such a field: it would be what the client has written there. */
export const RESERVED_HINT = 'is a field that Weir takes out of every request: what clients write there is not believed, so nothing can go by it; choose another one'

/** Does the field say where a request came from, which trusted proxies alone may do? */
export function isOriginClaim (name: string): boolean {
  const folded = foldedName(name)
  return folded === 'forwarded' || folded === 'x-real-ip' || folded.startsWith('x-forwarded-')
}
