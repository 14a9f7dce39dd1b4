/**
 * What may be a member of a list: what a request can bring.
 */
import type { ListSpec } from '../contract/placement-spec.ts'
import { parseIp } from '../core/socket-address.ts'
import { MAX_MEMBER_BYTES } from '../placement/membership.ts'

/** Those that end a line somewhere, or move a terminal. Half a character (a lone surrogate) has no bytes. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u

/** A member in its one spelling, or what is wrong with it, as a phrase that goes on from its name. */
export type ReadMember = { readonly id: string } | { readonly fault: string }

/** Reads what somebody wants to put on a list, or take off it. */
export function readMember (text: string, by: ListSpec['by']): ReadMember {
  if (text === '') return { fault: 'is empty' }
  if (Buffer.byteLength(text) > MAX_MEMBER_BYTES) return { fault: `is longer than ${MAX_MEMBER_BYTES} bytes` }
  if (!text.isWellFormed() || CONTROL.test(text)) return { fault: 'has control characters, such as a line break, or half of a character' }
  if (by === 'client-ip') return readAddress(text)
  if (/^ | $/.test(text)) return { fault: 'has a space at its beginning or end, which the value of a field can\'t have' }
  // What is between the slashes of a path has to be able to name it, and every client of HTTP takes these two for something else.
  if (text === '.' || text === '..') return { fault: 'can\'t be named in a URL' }
  if (by === 'cookie' && (text.includes(';') || (text.startsWith('"') && text.endsWith('"')))) {
    return { fault: 'can\'t be the value of a cookie, which ends at a semicolon and is read without the quotes around it' }
  }
  return { id: text }
}

function readAddress (text: string): ReadMember {
  if (text.includes('/')) return { fault: 'is a network: a list has addresses, one by one' }
  const ip = text.includes('%') ? undefined : parseIp(text)
  return ip === undefined ? { fault: 'is no IP address, such as 192.0.2.1 or 2001:db8::1' } : { id: ip.address }
}
