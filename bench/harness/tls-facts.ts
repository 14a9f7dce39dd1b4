import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import { once } from 'node:events'
import type { Certificate } from './certificate.ts'
import { within } from './deadline.ts'

/** What the load generators of this machine offer first; Node would begin with a key exchange that they do not know. */
const GROUPS = 'X25519'

/** What a proxy agrees on, such as `TLSv1.3, TLS_AES_256_GCM_SHA384, X25519`. */
export async function tlsFacts (port: number, { cert }: Certificate): Promise<string> {
  const socket = tls.connect({ host: '127.0.0.1', port, ca: readFileSync(cert), ecdhCurve: GROUPS })
  try {
    await within('a handshake', 5_000, once(socket, 'secureConnect'))
    const key = socket.getEphemeralKeyInfo()
    return [socket.getProtocol(), socket.getCipher().name, key !== null && 'name' in key ? key.name : 'unknown'].join(', ')
  } finally {
    socket.destroy()
  }
}
