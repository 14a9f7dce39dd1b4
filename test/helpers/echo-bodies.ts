import type { Test } from 'tap'
import type { RawClient } from './raw-client.ts'
import type { OriginHandler } from './raw-origin.ts'

/** Around the sizes of the buffers and of the records of TLS. */
const SIZES = [1, 8_191, 8_192, 8_193, 16_384, 16_385, 131_072, 131_073, 1_000_000]

/** Answers with the body of the request. */
export const echoBody: OriginHandler = ({ body }, connection) => {
  connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
  connection.send(body)
}

/** Sends bodies of many sizes, all beginnings of `bytes`, to an origin that echoes them: each comes back as it was. */
export async function checkEchoedBodies (t: Test, client: RawClient, bytes: Buffer): Promise<void> {
  for (const length of SIZES) {
    const body = bytes.subarray(0, length)
    client.expect('POST')
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`)
    client.send(body)
    t.ok((await client.answer()).body.equals(body), String(length))
  }
}
