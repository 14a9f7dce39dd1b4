import { freePort } from './free-port.ts'
import { haproxyPeer } from './haproxy-peer.ts'
import { nginxPeer } from './nginx-peer.ts'
import { nodePeers } from './node-peers.ts'
import type { Peer, PeerStart } from './peer.ts'
import type { NamedPeer } from './proxy-run.ts'
import type { PeerRecord } from './results-file.ts'
import { newDirectory, type Session } from './session.ts'
import { listSetting } from './settings.ts'
import { weirBefore, weirOnEvents, weirPeer, weirPlacing } from './weir-peer.ts'

const STANDARD_PEERS: readonly Peer[] = [weirPeer, weirOnEvents, nginxPeer, haproxyPeer, ...nodePeers]
const ALL_PEERS: readonly Peer[] = [...STANDARD_PEERS, weirPlacing, weirBefore]
/** Without them there is nothing to compare. */
const OWN_PEERS: readonly Peer[] = [weirPeer, weirOnEvents, weirPlacing, weirBefore]

/**
 * The proxies named in BENCH_PEERS, or else those of `standard`.
 * @throws RangeError for a name that is not known
 */
export function chosenPeers (standard: readonly string[] = STANDARD_PEERS.map(peer => peer.name)): readonly Peer[] {
  return (listSetting('BENCH_PEERS') ?? standard).map(name => {
    const peer = ALL_PEERS.find(candidate => candidate.name === name)
    if (peer === undefined) {
      throw new RangeError(`BENCH_PEERS: no proxy "${name}"; known are ${ALL_PEERS.map(known => known.name).join(', ')}`)
    }
    return peer
  })
}

export interface StartedPeers {
  readonly running: readonly NamedPeer[]
  /** All that were asked for, with the reason why one does not run. */
  readonly records: readonly PeerRecord[]
}

/** What every proxy is started with. */
export type PeersStart = Pick<PeerStart, 'originPorts' | 'clientConnections' | 'certificate'>

/**
 * Starts every proxy that is there; the others are skipped and say why.
 * @throws Error when a Weir is there and does not start: what is not measured would break no promise
 */
export async function startPeers (session: Session, peers: readonly Peer[], start: PeersStart): Promise<StartedPeers> {
  const running: NamedPeer[] = []
  const records: PeerRecord[] = []
  for (const peer of peers) {
    const version = peer.version()
    if (version === undefined) {
      records.push({ name: peer.name, version, skipped: `not found: ${peer.remedy}` })
      continue
    }
    try {
      running.push({
        name: peer.name,
        running: await peer.start({ ...start, session, listenPort: await freePort(), dir: newDirectory(session) })
      })
      records.push({ name: peer.name, version })
    } catch (error) {
      if (OWN_PEERS.includes(peer)) throw error
      process.stderr.write(`${String(error)}\n`)
      records.push({ name: peer.name, version, skipped: 'did not start' })
    }
  }
  return { running, records }
}
