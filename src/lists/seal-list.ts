/**
 * A list as it is stored, in a file or in a ConfigMap:
 *
 *     {"format":"weir-list","formatVersion":1,"route":"hello","list":"beta","members":2,"sha256":"…"}
 *     user-1
 *     user-2
 *
 * The members are in their order, a line each. What the first line says of the rest is checked, so that a file that was cut off or edited
 * is never read by half.
 */
import { createHash } from 'node:crypto'
import { asObject, parseJson } from '../core/untrusted.ts'
import { MAX_MEMBER_BYTES } from '../placement/membership.ts'
import { MAX_LIST_BYTES, MemberList, type ListRef } from './member-list.ts'

const FORMAT = 'weir-list'
const FORMAT_VERSION = 1
const LINE_FEED = 0x0a
/** Of the first line; a route and a list have names of 63 characters. */
const MAX_HEAD_BYTES = 1_024

/** The most that a stored list can take. */
export const MAX_STORED_BYTES = MAX_LIST_BYTES + MAX_HEAD_BYTES

/** It was written by a newer Weir, and may not be written over. */
export class NewerList extends Error {
  override readonly name = 'NewerList'
}

export function sealList ({ route, list }: ListRef, members: MemberList): Buffer {
  const lines = Buffer.from(members.ids.map(id => `${id}\n`).join(''))
  const head = { format: FORMAT, formatVersion: FORMAT_VERSION, route, list, members: members.size, sha256: digestOf(lines) }
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), lines])
}

/**
 * Reads what anybody may have written.
 * @throws Error with a phrase for people that goes on from the name of what was read; a NewerList
 */
export function openList (ref: ListRef, bytes: Uint8Array): MemberList {
  const end = bytes.subarray(0, MAX_HEAD_BYTES).indexOf(LINE_FEED)
  const head = end === -1 ? undefined : asObject(parseJson(Buffer.from(bytes.subarray(0, end)).toString('utf8')))
  if (head?.['format'] !== FORMAT) throw new Error('is no list of Weir')
  const { formatVersion, route, list, members, sha256 } = head
  if (formatVersion !== FORMAT_VERSION) {
    const message = `has the format version ${JSON.stringify(formatVersion)}, and this Weir reads ${FORMAT_VERSION}`
    throw typeof formatVersion === 'number' && formatVersion > FORMAT_VERSION ? new NewerList(message) : new Error(message)
  }
  if (route !== ref.route || list !== ref.list) throw new Error(`is the list ${JSON.stringify(list)} of the route ${JSON.stringify(route)}`)
  const lines = bytes.subarray(end + 1)
  if (digestOf(lines) !== sha256) throw new Error('was cut off or edited: its members are not those that its first line tells of')
  return readLines(new TextDecoder('utf-8', { fatal: true }).decode(lines), members)
}

/** Who edits it can make a digest too. */
function readLines (text: string, count: unknown): MemberList {
  const ids = text === '' ? [] : text.slice(0, -1).split('\n')
  const isRight = ids.length === count && (text === '' || text.endsWith('\n')) &&
    ids.every((id, index) => id !== '' && Buffer.byteLength(id) <= MAX_MEMBER_BYTES && (index === 0 || (ids[index - 1] ?? '') < id))
  if (!isRight) throw new Error('is not as Weir writes it: each member once, in order, in a line of its own')
  return MemberList.of(ids)
}

function digestOf (bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
