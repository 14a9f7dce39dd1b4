/** A route with a mirror to a second version, over real sockets. */
import type { MirrorSpec } from '../../src/contract/mirror-spec.ts'
import { addShadowCounts, emptyShadowTally, type ShadowExample, type ShadowTally } from '../../src/contract/shadow-report.ts'
import { LATENCY_BOUNDS_S } from '../../src/telemetry/counter-layout.ts'
import type { ProxyBench, TestRoute } from './data-plane.ts'
import { ok, type OriginHandler, type RawOrigin } from './raw-origin.ts'
import { NO_EJECTION } from './two-endpoints.ts'

export const COMPARE: NonNullable<MirrorSpec['compare']> = {
  headers: null, ignoreHeaders: ['date'], body: true, ignoreJsonPaths: [], maxJsonBytes: 65_536, exampleBytes: 0
}
export const MIRROR: MirrorSpec = {
  to: 'canary',
  percent: 100,
  maxBodyBytes: 1_024,
  maxAnswerBytes: 4_096,
  methods: 'safe',
  cookies: false,
  authorization: false,
  removeHeaders: [],
  timeoutMs: 10_000,
  compare: COMPARE
}

export interface Mirrored {
  readonly stable: RawOrigin
  readonly canary: RawOrigin
  readonly tally: ShadowTally
  readonly examples: ShadowExample[]
  /** Takes what has been counted since. */
  readonly pull: () => void
  /** Waits until so many requests have been drawn and all of them are counted to their end. */
  readonly counted: (drawn: number) => Promise<void>
}

interface Setup {
  readonly stable?: OriginHandler
  readonly canary?: OriginHandler
  readonly mirror?: Partial<MirrorSpec>
  readonly route?: Partial<TestRoute>
}

export const answers = (text: string): OriginHandler => (_request, connection) => { connection.send(text) }

/** A route whose clients all get stable, with a mirror to canary. */
export async function mirrored (bench: ProxyBench, { stable = answers(ok()), canary = answers(ok()), mirror = {}, route = {} }: Setup = {}): Promise<Mirrored> {
  const origins = { stable: await bench.extraOrigin(stable), canary: await bench.extraOrigin(canary) }
  await bench.routes.shadows.load()
  bench.route([{ weights: { stable: 1, canary: 0 }, policy: NO_EJECTION, mirror: { ...MIRROR, ...mirror }, ...route }])
  bench.endpoints('stable', [origins.stable.port])
  bench.endpoints('canary', [origins.canary.port])
  const tally = emptyShadowTally(LATENCY_BOUNDS_S.length + 1)
  const examples: ShadowExample[] = []
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, count) => all + count, 0)
  const pull = (): void => {
    for (const { report } of bench.routes.shadows.take()) {
      addShadowCounts(tally, report.counts)
      examples.push(...report.examples)
    }
  }
  return {
    ...origins,
    tally,
    examples,
    pull,
    counted: async drawn => {
      await bench.until('the copies to be counted', () => {
        pull()
        return tally.drawn === drawn && tally.same + tally.uncompared + sum(tally.different) + sum(tally.failed) + sum(tally.dropped) === drawn
      })
      bench.routes.shadows.close()
    }
  }
}
