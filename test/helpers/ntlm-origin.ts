import type { OriginConnection, OriginHandler } from './raw-origin.ts'
import { ok } from './raw-origin.ts'
import { statusOf, valuesOf, type RawMessage } from './raw-http.ts'
import type { RawClient } from './raw-client.ts'
import { get } from './raw-client.ts'

/** What a connection is at: the user that is logged in on it, or what is missing to that. */
const CHALLENGED = '(challenged)'

/**
 * An origin that logs in TCP connections as NTLM does: three requests on one connection, and from then on everything that comes on it is
 * the user's. It answers with `origin:user`.
 * @param scheme as it stands in the fields; what follows it in WWW-Authenticate is up to the test
 */
export function ntlmOrigin (name = 'origin', challenge = 'NTLM', scheme = 'NTLM'): OriginHandler {
  const users = new Map<OriginConnection, string>()
  return (request, connection) => {
    const [credentials = ''] = valuesOf(request, 'authorization')
    const [sentScheme, message = ''] = credentials.split(' ')
    if (sentScheme === scheme && message === 'hello') users.set(connection, CHALLENGED)
    else if (sentScheme === scheme) users.set(connection, users.get(connection) === CHALLENGED ? message : '')
    const user = users.get(connection) ?? ''
    if (user === CHALLENGED) connection.send(unauthorized(`WWW-Authenticate: ${scheme} a-challenge\r\n`))
    else if (user === '') connection.send(unauthorized(`WWW-Authenticate: ${challenge}\r\n`))
    else connection.send(ok(`${name}:${user}`))
  }
}

/** A 401 with these field lines. */
export function unauthorized (fields: string): string {
  return `HTTP/1.1 401 Unauthorized\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\n${fields}\r\n`
}

/** Logs a client in and returns the last answer. */
export async function logIn (client: RawClient, user: string, { path = '/', scheme = 'NTLM' } = {}): Promise<RawMessage> {
  await client.ask(get(path))
  await client.ask(get(path, `Authorization: ${scheme} hello\r\n`))
  return await client.ask(get(path, `Authorization: ${scheme} ${user}\r\n`))
}

/** Status and body. */
export function seen (answer: RawMessage): string {
  return `${statusOf(answer)} ${answer.body.toString()}`.trim()
}
