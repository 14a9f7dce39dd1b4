/**
 * Runs bench/programs/flood.ts: connections that send as much as Weir takes, of what makes work out of few bytes.
 */
import { createInterface } from 'node:readline'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { within } from './deadline.ts'
import type { Session } from './session.ts'

const PROGRAM = fileURLToPath(new URL('../programs/flood.ts', import.meta.url))

/**
 * `options`, `missing`, `redirect`: pipelined requests that Weir answers by itself, with 200, 404 and 308. `chunks-up`, `chunks-down`:
 * bodies of requests or answers in chunks of one byte, without an end.
 */
export type FloodKind = 'options' | 'missing' | 'redirect' | 'chunks-up' | 'chunks-down'

export interface FloodRequest {
  readonly kind: FloodKind
  readonly connections: number
  /** Of Weir. */
  readonly port: number
  /** Where the program is to be the origin of bodies in chunks. */
  readonly chunkPort: number
}

export interface RunningFlood {
  /** Ends it. @returns the bytes a second that its clients have sent and read */
  finish (): Promise<number>
}

/** @throws Error when it has not begun within 10 s */
export async function startFlood (session: Session, { kind, connections, port, chunkPort }: FloodRequest): Promise<RunningFlood> {
  const args = ['-n', '19', process.execPath, PROGRAM, kind, String(connections), String(port), String(chunkPort)]
  const child = session.children.start({ command: 'nice', args, cpu: session.cpus.load })
  if (child.stdout === null || child.stdin === null) throw new Error('the program has no pipes')
  const lines = createInterface({ input: child.stdout })
  await within('the flood', 10_000, once(lines, 'line'))
  return {
    async finish () {
      const told = once(lines, 'line')
      child.stdin?.end()
      const [line]: unknown[] = await within('the end of the flood', 30_000, told)
      await session.children.stop(child)
      return Number(line)
    }
  }
}
