import { parseHostPort } from '../core/socket-address.ts'
import type { ConfigPath } from './config-path.ts'
import { fault, findUnreadable, type Finding } from './finding.ts'

/** RFC 1035 section 2.3.4: a label has 1 to 63 octets. */
export function checkHost (host: string, path: ConfigPath): readonly Finding[] {
  if (host === '*') return []
  if (host.startsWith('[')) {
    return findUnreadable(path, () => parseHostPort(`${host}:80`)).map(() => fault(path, 'has no IPv6 address in its brackets'))
  }
  const labels = host.split('.')
  const isValid = labels.every(label => label.length >= 1 && label.length <= 63)
  return isValid ? [] : [fault(path, 'is not a host name: between its dots are 1 to 63 characters')]
}
