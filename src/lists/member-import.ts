/**
 * Members as lines of JSON (https://github.com/ndjson/ndjson-spec): each a text, or an object with the text as `id`. Nothing is taken over
 * before the last line is read, and the first bad line ends the reading.
 */
import type { ListSpec } from '../contract/placement-spec.ts'
import { asObject } from '../core/untrusted.ts'
import { MAX_LIST_BYTES, MemberList } from './member-list.ts'
import { readMember } from './read-member.ts'

/** Escapes may make six characters of one. */
const MAX_LINE_BYTES = 4_096
/** With members that are named several times. */
export const MAX_IMPORT_BYTES = 2 * MAX_LIST_BYTES
const LINE_FEED = 0x0a

/** Why members are not imported. Nothing has been changed. */
export class ImportError extends Error {
  override readonly name = 'ImportError'
  readonly code: 'invalid_import' | 'list_full'

  /** @param message names the line, where one is to blame */
  constructor (code: ImportError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** Members that are read. */
export interface ImportBounds {
  readonly by: ListSpec['by']
  /** More of them are refused as soon as they are seen. */
  readonly maxMembers: number
}

/**
 * Reads a stream to its end; it keeps no more of it than a line and the members so far.
 * @throws ImportError naming the bad line
 */
export async function readMembers (stream: AsyncIterable<Uint8Array>, bounds: ImportBounds): Promise<MemberList> {
  const reader = new MemberLines(bounds)
  for await (const piece of stream) reader.take(piece)
  return reader.end()
}

class MemberLines {
  readonly #bounds: ImportBounds
  readonly #ids = new Set<string>()
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  /** Of a line whose end has not come. */
  #begun: Uint8Array = new Uint8Array(0)
  #lines = 0
  #bytes = 0
  #memberBytes = 0

  constructor (bounds: ImportBounds) {
    this.#bounds = bounds
  }

  take (piece: Uint8Array): void {
    this.#bytes += piece.length
    if (this.#bytes > MAX_IMPORT_BYTES) throw new ImportError('list_full', `the import has more than ${MAX_IMPORT_BYTES} bytes; a list may have ${MAX_LIST_BYTES}`)
    let start = 0
    for (let end = piece.indexOf(LINE_FEED); end !== -1; end = piece.indexOf(LINE_FEED, start)) {
      const line = piece.subarray(start, end)
      this.#readLine(this.#begun.length === 0 ? line : Buffer.concat([this.#begun, line]))
      this.#begun = new Uint8Array(0)
      start = end + 1
    }
    if (start === piece.length) return
    this.#begun = Buffer.concat([this.#begun, piece.subarray(start)])
    if (this.#begun.length > MAX_LINE_BYTES) this.#readLine(this.#begun)
  }

  end (): MemberList {
    if (this.#begun.length > 0) this.#readLine(this.#begun)
    return MemberList.of(this.#ids)
  }

  #readLine (bytes: Uint8Array): void {
    this.#lines++
    if (bytes.length > MAX_LINE_BYTES) this.#refuse(`is longer than ${MAX_LINE_BYTES} bytes`)
    const text = this.#decode(bytes).trim()
    if (text === '') return
    const member = readMember(this.#idOf(text), this.#bounds.by)
    if ('fault' in member) this.#refuse(`has a member that ${member.fault}`, text)
    else this.#add(member.id)
  }

  #add (id: string): void {
    if (this.#ids.has(id)) return
    this.#ids.add(id)
    this.#memberBytes += Buffer.byteLength(id) + 1
    const { maxMembers } = this.#bounds
    if (this.#ids.size > maxMembers) throw new ImportError('list_full', `line ${this.#lines} is the ${maxMembers + 1}th member; a list may have ${maxMembers} (limits.maxListMembers)`)
    if (this.#memberBytes > MAX_LIST_BYTES) throw new ImportError('list_full', `up to line ${this.#lines} the members have more than ${MAX_LIST_BYTES} bytes together, which is all that a list may have`)
  }

  #decode (bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes)
    } catch {
      return this.#refuse('is not UTF-8')
    }
  }

  #idOf (text: string): string {
    let plain: unknown
    try {
      plain = JSON.parse(text)
    } catch {
      return this.#refuse('is not JSON; a member is written "user-1" or {"id": "user-1"}', text)
    }
    const fields = asObject(plain)
    const id = fields === undefined ? plain : fields['id']
    if (typeof id !== 'string') return this.#refuse('has no text; a member is written "user-1" or {"id": "user-1"}', text)
    const other = Object.keys(fields ?? {}).find(key => key !== 'id')
    return other === undefined ? id : this.#refuse(`has ${JSON.stringify(other.slice(0, 80))} beside "id", which a member does not have`, text)
  }

  #refuse (fault: string, text = ''): never {
    const shown = text === '' ? '' : `: ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`
    throw new ImportError('invalid_import', `line ${this.#lines} ${fault}${shown}; nothing was imported`)
  }
}
