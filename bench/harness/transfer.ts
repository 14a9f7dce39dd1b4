/**
 * One long body through a proxy, with a reader that is slower than the sender.
 */
import { request, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { bodyBlocks, readSlowly, type BodyDigest } from './stream-body.ts'

export interface TransferRequest {
  readonly port: number
  readonly direction: 'download' | 'upload'
  readonly coding: 'content-length' | 'chunked'
  readonly bytes: number
  /** The reader's speed. The reader is this process for a download and the origin for an upload. */
  readonly bytesPerSecond: number
}

/** Moves the body and gives what its reader saw. */
export async function transfer (options: TransferRequest): Promise<BodyDigest> {
  return options.direction === 'download' ? await download(options) : await upload(options)
}

async function download ({ port, coding, bytes, bytesPerSecond }: TransferRequest): Promise<BodyDigest> {
  const path = `/download?bytes=${bytes}${coding === 'chunked' ? '&chunked' : ''}`
  const outgoing = request({ host: '127.0.0.1', port, path, agent: false })
  outgoing.end()
  return await readSlowly(await responseTo(outgoing), bytesPerSecond)
}

async function upload ({ port, coding, bytes, bytesPerSecond }: TransferRequest): Promise<BodyDigest> {
  const headers = coding === 'chunked' ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': bytes }
  const outgoing = request({ host: '127.0.0.1', port, path: `/upload?rate=${bytesPerSecond}`, method: 'PUT', headers, agent: false })
  const response = responseTo(outgoing)
  await Promise.all([response, pipeline(Readable.from(bodyBlocks(bytes)), outgoing)])
  const answer = await (await response).setEncoding('utf8').toArray()
  // programs/stream-origin.ts wrote it.
  return JSON.parse(answer.join('')) as BodyDigest
}

async function responseTo (outgoing: ReturnType<typeof request>): Promise<IncomingMessage> {
  const [response] = await once(outgoing, 'response') as [IncomingMessage]
  if (response.statusCode !== 200) throw new Error(`the proxy answered with ${response.statusCode}`)
  return response
}
