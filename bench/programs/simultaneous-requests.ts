/**
 * Clients that ask the same at the same time. Arguments: the port, and how many there are. A line `PATH` on standard input makes each ask
 * for it once, on a connection of its own; when all have their whole answer, a line of JSON says how long that took in ms, how many bytes
 * of bodies there were, and how many failed.
 */
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'

const [port = 0, clients = 0] = process.argv.slice(2, 4).map(Number)

async function ask (path: string): Promise<number> {
  const request = get({ host: '127.0.0.1', port, path, agent: false })
  // As node:http documents it.
  const [response] = await once(request, 'response') as [IncomingMessage]
  let bytes = 0
  response.on('data', (chunk: Buffer) => { bytes += chunk.length })
  await once(response, 'end')
  if (response.statusCode !== 200) throw new Error(`${path}: ${String(response.statusCode)}`)
  return bytes
}

for await (const path of createInterface({ input: process.stdin })) {
  const startedMs = performance.now()
  const answers = await Promise.allSettled(Array.from({ length: clients }, async () => await ask(path)))
  const bytes = answers.reduce((sum, answer) => sum + (answer.status === 'fulfilled' ? answer.value : 0), 0)
  const failed = answers.filter(({ status }) => status === 'rejected').length
  console.log(JSON.stringify({ ms: performance.now() - startedMs, bytes, failed }))
}
