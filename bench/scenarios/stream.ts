/**
 * `npm run bench:stream`: what a long body and a slow reader add to resident memory.
 */
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { pause, until, within } from '../harness/deadline.ts'
import { freePorts } from '../harness/free-port.ts'
import { statusOf } from '../harness/http-exchange.ts'
import { markdownTable, shortNumber } from '../harness/markdown.ts'
import { READY_PATH } from '../harness/peer.ts'
import { memoryOf, resetPeak } from '../harness/process-figures.ts'
import type { NamedPeer } from '../harness/proxy-run.ts'
import { publish } from '../harness/publish.ts'
import { atMost, beginResults } from '../harness/results-file.ts'
import { withSession, type Session } from '../harness/session.ts'
import { integerSetting } from '../harness/settings.ts'
import { chosenPeers, startPeers } from '../harness/start-peers.ts'
import { expectedDigest, type BodyDigest } from '../harness/stream-body.ts'
import { transfer, type TransferRequest } from '../harness/transfer.ts'
import { prepareWeir, weirPeer } from '../harness/weir-peer.ts'

const ADDED_LIMIT_MIB = 32
const WARMUP_BYTES = 16 * 2 ** 20
const SETTLE_MS = 3_000

const bytes = integerSetting('BENCH_STREAM_BYTES', 2 ** 30)
const seconds = integerSetting('BENCH_STREAM_SECONDS', 25)
const bytesPerSecond = Math.ceil(bytes / seconds)

const KINDS: readonly Pick<TransferRequest, 'direction' | 'coding'>[] = [
  { direction: 'download', coding: 'content-length' },
  { direction: 'upload', coding: 'content-length' },
  { direction: 'download', coding: 'chunked' },
  { direction: 'upload', coding: 'chunked' }
]

interface StreamRun {
  readonly peer: string
  readonly direction: TransferRequest['direction']
  readonly coding: TransferRequest['coding']
  readonly seconds: number
  /** After the warm-up, before the first transfer of all. */
  readonly baselineMib: number
  readonly peakMib: number
  readonly addedMib: number
  /** The reader saw all bytes in their order. */
  readonly intact: boolean
}

const peers = chosenPeers([weirPeer.name])
if (peers.includes(weirPeer)) prepareWeir()

await withSession(async session => {
  const head = beginResults('stream')
  const originPorts = await startStreamOrigin(session)
  const { running, records } = await startPeers(session, peers, { originPorts, clientConnections: 64 })
  const expected = expectedDigest(bytes)
  const runs: StreamRun[] = []
  for (const peer of running) runs.push(...await streamThrough(peer, expected))
  publish({
    ...head,
    finishedAt: new Date().toISOString(),
    peers: records,
    notes: [
      `${shortNumber(bytes / 2 ** 20)} MiB each, by a reader that takes ${shortNumber(bytesPerSecond / 2 ** 20)} MiB a second from a sender without limit.`,
      'Intact: the SHA-256 of what the reader saw is that of what was sent.',
      'Added: the highest resident memory during the transfer − that after a warm-up of 16 MiB each way, before the first transfer.'
    ],
    runs,
    figures: runs.map(run => {
      return { name: `${run.peer}, ${run.direction}, ${run.coding}, added`, unit: 'MiB', value: run.addedMib, better: 'lower' }
    }),
    checks: [
      ...runs.filter(run => run.peer === weirPeer.name).map(run => {
        return atMost(`added: ${run.direction}, ${run.coding}`, run.addedMib, ADDED_LIMIT_MIB, 'MiB')
      }),
      atMost('bodies that were damaged', runs.filter(run => !run.intact).length, 0, '')
    ]
  }, table(runs))
})

async function startStreamOrigin (session: Session): Promise<readonly [number, number]> {
  const [first, second] = await freePorts(2)
  if (first === undefined || second === undefined) throw new TypeError('freePorts(2) gives two ports')
  const program = fileURLToPath(new URL('../programs/stream-origin.ts', import.meta.url))
  const logFile = join(session.dir, 'origin.log')
  session.children.start({ command: process.execPath, args: [program, String(first), String(second)], cpu: session.cpus.load, logFile })
  await until('the origin', { timeoutMs: 10_000, everyMs: 50 }, async () => {
    const statuses = [await statusOf(first, READY_PATH), await statusOf(second, READY_PATH)]
    return statuses.every(status => status === 200) ? true : undefined
  })
  return [first, second]
}

async function streamThrough (peer: NamedPeer, expected: BodyDigest): Promise<readonly StreamRun[]> {
  const { port } = peer.running
  for (const kind of KINDS) await transfer({ ...kind, port, bytes: WARMUP_BYTES, bytesPerSecond: Infinity })
  await pause(SETTLE_MS)
  const baselineMib = memoryOf(peer.running.pids()).rssKib / 1_024
  const runs: StreamRun[] = []
  for (const kind of KINDS) {
    resetPeak(peer.running.pids())
    const begin = performance.now()
    const what = `${peer.name}, ${kind.direction}, ${kind.coding}`
    const seen = await within(what, seconds * 4_000 + 30_000, transfer({ ...kind, port, bytes, bytesPerSecond }))
    const peakMib = memoryOf(peer.running.pids()).peakKib / 1_024
    runs.push({
      peer: peer.name,
      ...kind,
      seconds: (performance.now() - begin) / 1_000,
      baselineMib,
      peakMib,
      addedMib: peakMib - baselineMib,
      intact: seen.bytes === expected.bytes && seen.sha256 === expected.sha256
    })
    process.stderr.write(`${what}: ${(peakMib - baselineMib).toFixed(1)} MiB added\n`)
  }
  return runs
}

function table (runs: readonly StreamRun[]): string {
  return markdownTable(
    ['proxy', 'body', 'framing', 'seconds', 'before, MiB', 'peak, MiB', 'added, MiB', 'intact'],
    runs.map(run => {
      const figures = [run.seconds, run.baselineMib, run.peakMib, run.addedMib].map(shortNumber)
      return [run.peer, run.direction, run.coding, ...figures, run.intact ? 'yes' : '**no**']
    })
  )
}
