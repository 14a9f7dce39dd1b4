/**
 * `npm run bench:verdict`: how often a version that is no worse is failed, and how soon one that is. Simulated: no sockets, and the load
 * of the machine changes nothing but how long it takes.
 */
import { DEFAULT_ANALYSIS } from '../../src/analysis/analysis-settings.ts'
import { Random } from '../../src/core/random.ts'
import { clopperPearsonUpper, mostByChance } from '../harness/clopper-pearson.ts'
import { markdownTable } from '../harness/markdown.ts'
import { ARGO, FLAGGER } from '../harness/polling-rule.ts'
import { publish } from '../harness/publish.ts'
import { atMost, beginResults } from '../harness/results-file.ts'
import { integerSetting } from '../harness/settings.ts'
import { USUAL_WORLD, type World } from '../harness/simulated-traffic.ts'
import { quantile } from '../harness/statistics.ts'
import { type Fail, type Fails, runCounts, runTraffic, TESTS, TESTS_AND_GUARDS } from '../harness/verdict-runs.ts'

const countRuns = integerSetting('BENCH_VERDICT_COUNT_RUNS', 1_000)
const countRequests = integerSetting('BENCH_VERDICT_REQUESTS', 1_000_000)
const nullRuns = integerSetting('BENCH_VERDICT_RUNS', 40)
const detectionRuns = integerSetting('BENCH_VERDICT_DETECTIONS', 20)
const seconds = integerSetting('BENCH_VERDICT_SECONDS', 600)
const seed = integerSetting('BENCH_VERDICT_SEED', 1)

/** Four of Argo's intervals of five minutes, and a little more. */
const DETECTION_SECONDS = 1_500
const IDENTICAL = [0, 0.001, 0.01, 0.1] as const
const WEIGHTS = [0.05, 0.25, 0.5, 0.9] as const

interface Named<Of> {
  readonly name: string
  readonly world: Of
}

/** Identical versions under clients that are no coins: the nulls of the page on statistics, by its letters. */
const NULLS: ReadonlyArray<Named<Partial<World>>> = [
  { name: 'A: 1,000 clients, 0.5 % always fail', world: {} },
  { name: 'B: 1,000 clients, 2 % always fail', world: { brokenShare: 0.02 } },
  { name: 'C: 100 clients, 2 % always fail', world: { clients: 100, brokenShare: 0.02 } },
  { name: 'D: 5,000 clients, flatter, 2 % always fail', world: { clients: 5_000, zipf: 0.6, brokenShare: 0.02 } },
  { name: 'H: 1,000 clients, 5 % begin to fail during the run', world: { brokenShare: 0, breakingShare: 0.05 } },
  { name: 'I: as A, with outages of both versions', world: { outageShare: 0.6 } },
  { name: 'J: 30 clients, 10 % always fail', world: { clients: 30, brokenShare: 0.1 } }
]

const TRUTHS: ReadonlyArray<Named<Partial<World>>> = [
  ...[1, 0.5, 0.05, 0.02, 0.01].map(errorNew => ({ name: `${errorNew * 100} % fail`, world: { errorNew } })),
  { name: '20 % are slow', world: { slowNew: 0.2 } }
]

interface CountsRun {
  readonly kind: 'counts'
  readonly share: number
  readonly runs: number
  readonly evidence: number
  readonly fails: number
  readonly caps: number
}

interface NullRuns {
  readonly kind: 'null'
  readonly name: string
  readonly runs: number
  readonly fails: Readonly<Record<string, number>>
  /** What spoke, with the guards. */
  readonly codes: Readonly<Record<string, number>>
}

interface Detection {
  readonly kind: 'detection'
  readonly name: string
  readonly weight: number
  readonly found: readonly Fails[]
}

const head = beginResults('verdict')
const counts = IDENTICAL.map(share => identical(share))
const nulls = NULLS.map(hostile)
const detections = TRUTHS.flatMap(truth => WEIGHTS.map(weight => detect(truth, weight)))

const allRuns = counts.reduce((sum, run) => sum + run.runs, 0) + nulls.reduce((sum, run) => sum + run.runs, 0)
const falseFails = counts.reduce((sum, run) => sum + run.fails, 0) + nulls.reduce((sum, run) => sum + (run.fails[TESTS] ?? 0), 0)
publish({
  ...head,
  finishedAt: new Date().toISOString(),
  peers: [],
  notes: [
    `Simulated, seed ${seed}. Alpha ${DEFAULT_ANALYSIS.alpha}; the rest of the settings are the defaults. A look every 100 ms.`,
    `Identical versions where requests are coins: ${countRequests.toLocaleString('en-GB')} requests each, a quarter of them to the new version.`,
    `With clients: 400 requests/s, clients after Zipf's law (1.1; D 0.6), ${seconds} s, weight 25 %, 0.1 % of the requests fail, 1 % are slow.`,
    'Until the fail: 1,000 clients of which 0.5 % always fail; medians over the runs in which it came.',
    'Flagger: a look a minute at the last minute, below 99 % success is bad, the fifth bad one rolls back.',
    'Argo Rollouts: a look every five minutes, below 95 % is bad, the fourth rolls back. Both as their documentation sets them up.'
  ],
  runs: [...counts, ...nulls, ...detections],
  figures: detections.filter(({ weight }) => weight === 0.25).map(run => ({
    name: `${run.name}, fail`, unit: 's', value: medianOf(run, TESTS_AND_GUARDS, fail => fail.seconds), better: 'lower' as const
  })).filter(({ value }) => Number.isFinite(value)),
  checks: [
    atMost(`fails by the tests in ${allRuns.toLocaleString('en-GB')} runs without a difference (alpha explains so many)`, falseFails,
      mostByChance(allRuns, DEFAULT_ANALYSIS.alpha), '')
  ]
}, [countsTable(counts), nullsTable(nulls), detectionTable(detections)].join('\n\n'))

/** A generator of its own for each run, so that one more of them changes no other. */
function randomOf (...place: readonly number[]): Random {
  return new Random(place.reduce((sum, part) => sum * 100_003 + part, seed))
}

function identical (share: number): CountsRun {
  const sum = { evidence: 0, fails: 0, caps: 0 }
  for (let run = 0; run < countRuns; run++) {
    const plan = { requests: countRequests, share, everyNth: 4, requestsPerTick: 40 }
    const { evidence, fail, cap } = runCounts(plan, randomOf(1, share * 1_000, run))
    sum.evidence += Number(evidence)
    sum.fails += Number(fail)
    sum.caps += Number(cap)
  }
  process.stderr.write(`identical at ${share}: ${JSON.stringify(sum)}\n`)
  return { kind: 'counts', share, runs: countRuns, ...sum }
}

function hostile ({ name, world }: Named<Partial<World>>, index: number): NullRuns {
  const fails: Record<string, number> = {}
  const codes: Record<string, number> = {}
  for (let run = 0; run < nullRuns; run++) {
    const found = runTraffic({ ...USUAL_WORLD, ...world }, randomOf(2, index, run), { seconds, polling: [FLAGGER] })
    for (const [judge, fail] of Object.entries(found)) {
      fails[judge] = (fails[judge] ?? 0) + 1
      if (judge === TESTS_AND_GUARDS && fail !== undefined) codes[fail.code] = (codes[fail.code] ?? 0) + 1
    }
  }
  process.stderr.write(`${name}: ${JSON.stringify(fails)} ${JSON.stringify(codes)}\n`)
  return { kind: 'null', name, runs: nullRuns, fails, codes }
}

function detect ({ name, world }: Named<Partial<World>>, weight: number): Detection {
  const plan = { seconds: DETECTION_SECONDS, polling: [FLAGGER, ARGO] }
  const all = { ...USUAL_WORLD, ...world, weight }
  const found = Array.from({ length: detectionRuns }, (_, run) => runTraffic(all, randomOf(3, weight * 100, run), plan))
  const run: Detection = { kind: 'detection', name, weight, found }
  process.stderr.write(`${name} at ${weight}: ${medianOf(run, TESTS_AND_GUARDS, fail => fail.seconds)} s\n`)
  return run
}

function of (run: Detection, judge: string): readonly Fail[] {
  return run.found.map(fails => fails[judge]).filter(fail => fail !== undefined)
}

function medianOf (run: Detection, judge: string, figure: (fail: Fail) => number, q = 0.5): number {
  const fails = of(run, judge)
  return fails.length === 0 ? Number.NaN : quantile(fails.map(figure), q)
}

function countsTable (runs: readonly CountsRun[]): string {
  return `**Identical versions, requests are coins: runs in which something spoke**\n\n${markdownTable(
    ['failing', 'runs', 'label evidence', 'fail', 'fail, upper bound at 95 %', 'maxFailures'],
    runs.map(({ share, runs: count, evidence, fails, caps }) => [
      `${share * 100} %`, ...[count, evidence, fails].map(String), upper(fails, count), String(caps)
    ])
  )}`
}

function nullsTable (runs: readonly NullRuns[]): string {
  return `**Identical versions, clients are no coins: runs that were failed**\n\n${markdownTable(
    ['', 'runs', 'tests', 'upper bound at 95 %', 'with guards', 'which', FLAGGER.name],
    runs.map(({ name, runs: count, fails, codes }) => [
      name, String(count), String(fails[TESTS] ?? 0), upper(fails[TESTS] ?? 0, count), String(fails[TESTS_AND_GUARDS] ?? 0),
      Object.entries(codes).map(([code, times]) => `${code} ${times}`).join(', ') || '–', String(fails[FLAGGER.name] ?? 0)
    ])
  )}`
}

function detectionTable (runs: readonly Detection[]): string {
  const rows = runs.map(run => {
    const weir = (figure: (fail: Fail) => number, q?: number): string => plain(medianOf(run, TESTS_AND_GUARDS, figure, q))
    const isSlow = run.name.includes('slow')
    const bad = (fail: Fail): number => isSlow ? fail.slow : fail.failures
    return [
      run.name,
      `${run.weight * 100} %`,
      `${of(run, TESTS_AND_GUARDS).length} of ${run.found.length}`,
      weir(fail => fail.seconds),
      weir(fail => fail.seconds, 0.95),
      weir(fail => fail.requests),
      weir(bad),
      plain(medianOf(run, TESTS, fail => fail.seconds)),
      ...[FLAGGER.name, ARGO.name].map(judge => isSlow ? '–' : `${plain(medianOf(run, judge, fail => fail.seconds))} / ${plain(medianOf(run, judge, bad))}`)
    ]
  })
  return `**Until the fail, against 0.1 % failing and 1 % slow: median (and 95th percentile)**\n\n${markdownTable(
    [
      'new version', 'weight', 'found', 's', 's, p95', 'its requests', 'failed or slow answers', 'without guards, s',
      'Flagger, s / failed', 'Argo Rollouts, s / failed'
    ],
    rows
  )}`
}

function plain (value: number): string {
  if (!Number.isFinite(value)) return '–'
  return value >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString('en-GB') : value.toFixed(1)
}

function upper (hits: number, runs: number): string {
  const bound = clopperPearsonUpper(hits, runs) * 100
  return `${bound >= 1 ? bound.toFixed(1) : bound.toFixed(2)} %`
}
