/**
 * IPv6 addresses that lead to an IPv4 address: a translator or a tunnel on the way takes the one out of the other.
 */

export interface EmbeddedIpv4 {
  /** What the form is called. */
  readonly form: 'NAT64' | '6to4' | 'Teredo' | 'ISATAP'
  /** Dotted decimal. */
  readonly address: string
}

/**
 * The IPv4 addresses that an IPv6 address leads to by a form of its own: NAT64 with the well-known prefix (RFC 6052 section 2.1),
 * 6to4 (RFC 3056 section 2), Teredo, which names its server and its client (RFC 4380 section 4), and ISATAP (RFC 5214
 * section 6.1). A translator with a prefix of the network's own can't be told from any other address.
 * @param text a well-formed IPv6 address without a zone
 */
export function embeddedIpv4 (text: string): readonly EmbeddedIpv4[] {
  const words = ipv6Words(text)
  const at = (index: number): number => words[index] ?? 0
  const found: EmbeddedIpv4[] = []
  if (at(0) === 0x64 && at(1) === 0xff9b && words.slice(2, 6).every(word => word === 0)) {
    found.push({ form: 'NAT64', address: dotted(at(6), at(7)) })
  }
  if (at(0) === 0x2002) found.push({ form: '6to4', address: dotted(at(1), at(2)) })
  if (at(0) === 0x2001 && at(1) === 0) {
    // The client's address is written with every bit turned over, so that no translator on the way touches it.
    found.push({ form: 'Teredo', address: dotted(at(2), at(3)) }, { form: 'Teredo', address: dotted(at(6) ^ 0xffff, at(7) ^ 0xffff) })
  }
  // 0x0200 is the bit that says that the IPv4 address is unique in the world.
  if ((at(4) & ~0x0200) === 0 && at(5) === 0x5efe) found.push({ form: 'ISATAP', address: dotted(at(6), at(7)) })
  return found
}

/** The eight groups of a well-formed IPv6 address, in any of its spellings (RFC 4291 section 2.2). */
function ipv6Words (text: string): readonly number[] {
  const [head = '', tail] = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...parts: readonly string[]) => {
    const [first, second, third, fourth] = parts.slice(0, 4).map(Number)
    return [[first, second], [third, fourth]].map(([high = 0, low = 0]) => (high * 256 + low).toString(16)).join(':')
  }).split('::')
  const before = groupsOf(head)
  if (tail === undefined) return before
  const after = groupsOf(tail)
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

function groupsOf (text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16))
}

function dotted (high: number, low: number): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`
}
