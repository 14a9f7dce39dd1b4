/**
 * Authentication schemes that log in a connection and not a request: NTLM, and Negotiate (RFC 4559), which may turn into NTLM and which
 * many origins keep for as long as the connection lasts. Older names of both are known too.
 *
 * RFC 9110 section 11 has no such schemes: what follows on the connection is taken for the user's, whoever sent it.
 */
import { TOKEN_CHAR } from './char-table.ts'
import { tokenIs } from './connection-options.ts'

const SCHEMES: readonly string[] = ['ntlm', 'negotiate', 'kerberos', 'nego2']
const LONGEST = Math.max(...SCHEMES.map(scheme => scheme.length))

/** Do credentials, a value of Authorization or Proxy-Authorization, begin with such a scheme? */
export function usesLoginScheme (buf: Uint8Array, start: number, end: number): boolean {
  const wordStart = wordFrom(buf, start, end)
  return isLoginScheme(buf, wordStart, wordEnd(buf, wordStart, Math.min(end, wordStart + LONGEST + 1)))
}

/**
 * Is such a scheme among challenges, a value of WWW-Authenticate or Proxy-Authenticate? Any word counts, wherever it stands: to take one
 * for a scheme that is none costs a connection, to miss one costs a user's identity.
 */
export function offersLoginScheme (buf: Uint8Array, start: number, end: number): boolean {
  let pos = wordFrom(buf, start, end)
  while (pos < end) {
    const stop = wordEnd(buf, pos, end)
    if (isLoginScheme(buf, pos, stop)) return true
    pos = wordFrom(buf, stop, end)
  }
  return false
}

function wordFrom (buf: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && TOKEN_CHAR[buf[pos] ?? 0] !== 1) pos++
  return pos
}

function wordEnd (buf: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && TOKEN_CHAR[buf[pos] ?? 0] === 1) pos++
  return pos
}

function isLoginScheme (buf: Uint8Array, start: number, end: number): boolean {
  for (let index = 0; index < SCHEMES.length; index++) {
    const scheme = SCHEMES[index] ?? ''
    if (scheme.length === end - start && tokenIs(buf, start, scheme)) return true
  }
  return false
}
