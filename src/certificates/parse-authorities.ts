import { createHash, X509Certificate } from 'node:crypto'
import type { FileContent } from './read-small-file.ts'
import type { Authorities } from '../contract/route-spec.ts'

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
