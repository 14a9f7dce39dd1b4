/**
 * A DNS server on loopback that answers A and AAAA questions over UDP as a test wants (RFC 1035 section 4).
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { Test } from 'tap'

interface DnsRecord {
  readonly address: string
  readonly ttlS: number
}

/** What a name has; or the code of a failure: 2 the server fails, 3 there is no such name. */
export type DnsAnswer = readonly DnsRecord[] | 2 | 3

const TYPE = { a: 1, aaaa: 28 } as const
const HEADER_BYTES = 12

export class DnsServer {
  /** By name, in lower case; a name that is not here does not exist. */
  readonly answers = new Map<string, DnsAnswer>()
  /** The names that were asked for, one entry a question. */
  readonly questions: string[] = []
  /** Questions that fail, such as `A app.test`, whatever the name has. */
  readonly failing = new Set<string>()
  readonly #socket = createSocket('udp4')

  /** `address:port`. */
  get address (): string { return `127.0.0.1:${this.#socket.address().port}` }

  static async start (t: Test): Promise<DnsServer> {
    const server = new DnsServer()
    server.#socket.on('message', (query, peer) => { server.#socket.send(server.#answer(query), peer.port, peer.address) })
    server.#socket.bind(0, '127.0.0.1')
    await once(server.#socket, 'listening')
    t.teardown(() => server.#socket.close())
    return server
  }

  #answer (query: Buffer): Buffer {
    const { name, end } = readName(query)
    const type = query.readUInt16BE(end)
    const question = query.subarray(HEADER_BYTES, end + 4)
    this.questions.push(name)
    const fails = this.failing.has(`${type === TYPE.a ? 'A' : 'AAAA'} ${name}`)
    const answer = fails ? 2 : this.answers.get(name) ?? 3
    const records = typeof answer === 'number' ? [] : answer.filter(({ address }) => (isIPv6(address) ? TYPE.aaaa : TYPE.a) === type)
    const header = Buffer.alloc(HEADER_BYTES)
    query.copy(header, 0, 0, 2)
    // A response with recursion available.
    header.writeUInt16BE(0x8180 | (typeof answer === 'number' ? answer : 0), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(records.length, 6)
    return Buffer.concat([header, question, ...records.map(record => recordBytes(record, type))])
  }
}

function readName (query: Buffer): { readonly name: string, readonly end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

function recordBytes ({ address, ttlS }: DnsRecord, type: number): Buffer {
  const data = type === TYPE.a ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address)
  const head = Buffer.alloc(12)
  // The name is the one of the question, by a pointer.
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttlS, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function ipv6Bytes (address: string): Buffer {
  const [left = '', right = ''] = address.split('::')
  const groups = (text: string): string[] => text === '' ? [] : text.split(':')
  const zeros = Array.from({ length: 8 - groups(left).length - groups(right).length }, () => '0')
  return Buffer.concat([...groups(left), ...zeros, ...groups(right)].map(group => Buffer.from(group.padStart(4, '0'), 'hex')))
}
