/**
 * Weight changes through the admin API, one after the other, each timed.
 */
import { Agent } from 'node:http'
import { pause } from './deadline.ts'
import { exchange } from './http-exchange.ts'

export interface WeightChange {
  /** From the answer: how long until every worker used the new weights. */
  readonly appliedMs: number
  /** From the request to the whole answer, as the client sees it. */
  readonly httpMs: number
}

export interface WeightChangesOptions {
  readonly adminPort: number
  readonly route: string
  readonly changes: number
  readonly gapMs: number
}

/**
 * Moves the weights of `stable` and `canary` back and forth.
 * @throws Error when an answer is not 200 or does not say that every worker has applied it
 */
export async function changeWeights (options: WeightChangesOptions): Promise<readonly WeightChange[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const results: WeightChange[] = []
  try {
    for (let index = 0; index < options.changes; index++) {
      const canary = index % 2 === 0 ? 50 : 25
      const start = performance.now()
      const response = await exchange({
        port: options.adminPort,
        path: `/v1/routes/${options.route}/weights?wait=all`,
        method: 'PUT',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ weights: { stable: 100 - canary, canary }, reason: 'bench:control' }),
        agent
      })
      const httpMs = performance.now() - start
      results.push({ appliedMs: appliedMs(response.status, response.body.toString()), httpMs })
      await pause(options.gapMs)
    }
  } finally {
    agent.destroy()
  }
  return results
}

/** Reads `"applied": {"workers": 2, "applied": 2, "tookMs": 1.2}` from an answer. */
function appliedMs (status: number, text: string): number {
  const answer: unknown = status === 200 ? JSON.parse(text) : undefined
  const receipt = member(answer, 'applied')
  const tookMs = member(receipt, 'tookMs')
  if (typeof tookMs !== 'number' || member(receipt, 'applied') !== member(receipt, 'workers')) {
    throw new Error(`PUT weights was answered with ${status} ${text.slice(0, 500)}`)
  }
  return tookMs
}

function member (value: unknown, name: string): unknown {
  // An object's members may be anything: unknown.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
