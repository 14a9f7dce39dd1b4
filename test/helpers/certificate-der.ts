/**
 * Certificates with any subject, made byte by byte. Their signature is none, so they are for reading only.
 */
import { generateKeyPairSync, X509Certificate } from 'node:crypto'

/** Tags of strings in ASN.1. */
export const STRING_TAG = { utf8: 0x0c, printable: 0x13, teletex: 0x14, ia5: 0x16, bmp: 0x1e } as const

/** One attribute of a name: an object identifier, and a value as it stands in the certificate. */
export interface Attribute {
  readonly type: readonly number[]
  readonly tag: number
  readonly value: Buffer
}

/** Its parts from the least specific on; a part has one attribute or more. */
export type Subject = ReadonlyArray<readonly Attribute[]>

export const OID = { cn: [2, 5, 4, 3], o: [2, 5, 4, 10], ou: [2, 5, 4, 11], strange: [1, 2, 3, 4] } as const

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const PUBLIC_KEY = publicKey.export({ type: 'spki', format: 'der' })
const ECDSA_SHA256 = [1, 2, 840, 10045, 4, 3, 2]

/** A certificate with this subject. */
export function certificateWith (subject: Subject): X509Certificate {
  const algorithm = der(0x30, oid(ECDSA_SHA256))
  const time = der(0x17, Buffer.from('200101000000Z'))
  const body = der(0x30, der(0xa0, der(0x02, Buffer.of(2))), der(0x02, Buffer.of(1)), algorithm, name([]), der(0x30, time, time), name(subject), PUBLIC_KEY)
  const signature = der(0x30, der(0x02, Buffer.of(1)), der(0x02, Buffer.of(1)))
  return new X509Certificate(der(0x30, body, algorithm, der(0x03, Buffer.of(0), signature)))
}

function name (subject: Subject): Buffer {
  return der(0x30, ...subject.map(part => der(0x31, ...part.map(({ type, tag, value }) => der(0x30, oid(type), der(tag, value))).sort(Buffer.compare))))
}

function der (tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

function oid ([first = 0, second = 0, ...rest]: readonly number[]): Buffer {
  const bytes = [first * 40 + second]
  for (const number of rest) {
    const digits = [number & 0x7f]
    for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
    bytes.push(...digits)
  }
  return der(0x06, Buffer.from(bytes))
}
