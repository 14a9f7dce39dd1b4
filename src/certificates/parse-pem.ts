/**
 * What PEM files hold: a certificate with its key, authorities. All of it has to be right.
 */
import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import type { TlsCertificate } from '../contract/listener-spec.ts'
import type { FileContent } from './watched-files.ts'
import type { Authorities } from '../contract/route-spec.ts'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g
const BEGIN_CERTIFICATE = /-----BEGIN CERTIFICATE-----/g
const PRIVATE_KEY = /-----BEGIN ((?:[A-Z0-9]+ )?PRIVATE KEY)-----[^-]*-----END \1-----/
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m
const DNS_NAME = /(?:^|, )DNS:([^,\s]+)/g
const MAX_CHAIN = 16

/** A certificate with its key, found to belong together. */
export interface KeyPair extends TlsCertificate {
  /** From when and until when clients accept the certificate, in milliseconds since the Unix epoch. */
  readonly validFromMs: number
  readonly validToMs: number
}

/** What is wrong: which of the two files it is about, and a phrase that goes on from its name. */
export interface KeyPairFault {
  readonly of: 'cert' | 'key'
  readonly fault: string
}

/** Reads a certificate with its chain and the key. What else lies in the files, such as comments, is left out. */
export function parseKeyPair (cert: FileContent, key: FileContent): KeyPair | KeyPairFault {
  const chain = parseChain(cert)
  if ('fault' in chain) return { of: 'cert', fault: chain.fault }
  const privateKey = parseKey(key)
  if ('fault' in privateKey) return { of: 'key', fault: privateKey.fault }
  const [leaf] = chain.certificates
  if (leaf === undefined) return { of: 'cert', fault: 'has no certificate' }
  if (!leaf.checkPrivateKey(privateKey.key)) return mismatch(chain.certificates, privateKey.key)
  return {
    cert: chain.pem,
    key: privateKey.pem,
    names: namesOf(leaf),
    validFromMs: leaf.validFromDate.getTime(),
    validToMs: leaf.validToDate.getTime()
  }
}

interface Chain {
  readonly pem: string
  readonly certificates: readonly X509Certificate[]
}

function parseChain (content: FileContent): Chain | { readonly fault: string } {
  const text = textOf(content)
  if (typeof text !== 'string') return text
  const blocks: readonly string[] = text.match(CERTIFICATE) ?? []
  if (blocks.length === 0) return { fault: 'has no certificate; PEM is expected, with a line that says -----BEGIN CERTIFICATE-----' }
  // One that is not whole would be passed over, and the chain would lack it.
  if (blocks.length < (text.match(BEGIN_CERTIFICATE) ?? []).length) return { fault: 'is not valid PEM: a certificate in it has no proper end' }
  if (blocks.length > MAX_CHAIN) return { fault: `has ${blocks.length} certificates; a chain of at most ${MAX_CHAIN} is expected, the one of the server first` }
  const certificates: X509Certificate[] = []
  for (const block of blocks) {
    try {
      certificates.push(new X509Certificate(block))
    } catch {
      return { fault: `is not valid PEM: certificate ${certificates.length + 1} in it can't be read` }
    }
  }
  return { pem: `${blocks.join('\n')}\n`, certificates }
}

function parseKey (content: FileContent): { readonly key: KeyObject, readonly pem: string } | { readonly fault: string } {
  const text = textOf(content)
  if (typeof text !== 'string') return text
  if (ENCRYPTED.test(text)) return { fault: 'is encrypted, and there is nobody to ask for the passphrase; write it in the clear with `openssl pkey -in FILE -out FILE`, readable by Weir only' }
  const pem = PRIVATE_KEY.exec(text)?.[0]
  if (pem === undefined) return { fault: 'has no private key; PEM is expected, with a line that says -----BEGIN PRIVATE KEY-----' }
  try {
    return { key: createPrivateKey(pem), pem: `${pem}\n` }
  } catch {
    return { fault: 'is not valid PEM: the private key in it can\'t be read' }
  }
}

function textOf (content: FileContent): string | { readonly fault: string } {
  if ('fault' in content) return content
  const text = content.bytes.toString('latin1')
  return text.trim() === '' ? { fault: 'is empty' } : text
}

function mismatch (chain: readonly X509Certificate[], key: KeyObject): KeyPairFault {
  const place = chain.findIndex(certificate => certificate.checkPrivateKey(key))
  if (place > 0) return { of: 'cert', fault: `has the certificate of the key as number ${place + 1}; put it first, the chain behind it` }
  return { of: 'key', fault: 'does not belong to the certificate; give the key that the certificate was issued for' }
}

/** The host names of a certificate, in lower case. What it calls itself elsewhere (its common name) clients do not look at. */
function namesOf ({ subjectAltName }: X509Certificate): readonly string[] {
  // Names with odd characters come in quotes, and are none that a client could ask for.
  const plain = (subjectAltName ?? '').replaceAll(/"(?:[^"\\]|\\.)*"/g, '')
  return [...plain.matchAll(DNS_NAME)].map(([, name = '']) => name.toLowerCase())
}

const BEGIN = '-----BEGIN CERTIFICATE-----'
const END = '-----END CERTIFICATE-----'

/**
 * The certificates of a file. What else lies in it, such as comments or a private key, is left out. OpenSSL would pass
 * over what it can't read without a word, and trust fewer authorities than are named; so all of it has to be right.
 * @returns or a fault: a phrase that goes on from the name of the file
 */
export function parseAuthorities (content: FileContent): Authorities | { readonly fault: string } {
  if ('fault' in content) return content
  const text = content.bytes.toString('latin1')
  const blocks: string[] = []
  for (let begin = text.indexOf(BEGIN); begin >= 0;) {
    const end = text.indexOf(END, begin)
    const block = text.slice(begin, end + END.length)
    if (end < 0 || !isCertificate(block)) return { fault: `is not valid PEM: certificate ${blocks.length + 1} in it can't be read` }
    blocks.push(block)
    begin = text.indexOf(BEGIN, end)
  }
  if (blocks.length === 0) return { fault: `has no certificate; PEM is expected, with lines that say ${BEGIN}` }
  const pem = `${blocks.join('\n')}\n`
  return { digest: createHash('sha256').update(pem, 'latin1').digest('hex'), pem }
}

function isCertificate (pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== null
  } catch {
    return false
  }
}
