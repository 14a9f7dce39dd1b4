import { KubeError } from './kube-error.ts'

const LINE_FEED = 0x0a

/**
 * Splits a stream of bytes into lines and reads each as JSON. Chunk boundaries mean nothing: a chunk may hold several
 * lines, and a line or a character may be split over chunks. Empty lines are skipped.
 * @param maxLineBytes the longest line that is kept in memory
 * @throws KubeError `too-large` past that, `malformed` for a line that is not JSON or a stream that ends within a line
 */
export async function * jsonLines (chunks: AsyncIterable<Uint8Array>, maxLineBytes: number): AsyncGenerator<unknown, void, undefined> {
  let parts: Uint8Array[] = []
  let partsBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      checkLength(partsBytes + end - start, maxLineBytes)
      const line = Buffer.concat([...parts, chunk.subarray(start, end)]).toString('utf8')
      parts = []
      partsBytes = 0
      start = end + 1
      if (line.trim() !== '') yield parseLine(line)
    }
    if (start === chunk.length) continue
    partsBytes += chunk.length - start
    checkLength(partsBytes, maxLineBytes)
    parts.push(chunk.subarray(start))
  }
  if (partsBytes > 0) throw new KubeError('malformed', 'the stream of the Kubernetes API ended in the middle of a line')
}

function checkLength (bytes: number, maxLineBytes: number): void {
  if (bytes > maxLineBytes) throw new KubeError('too-large', `the Kubernetes API sent a line of more than ${maxLineBytes} bytes`)
}

function parseLine (line: string): unknown {
  try {
    const value: unknown = JSON.parse(line)
    return value
  } catch (cause) {
    throw new KubeError('malformed', 'the Kubernetes API sent a line that is not JSON', { cause })
  }
}
