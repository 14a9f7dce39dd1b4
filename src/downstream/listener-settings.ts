/**
 * What a listener does with the connections that it accepts.
 */
import type { ListenerSpec } from '../contract/listener-spec.ts'
import { CidrSet } from '../core/cidr-set.ts'

export interface ListenerSettings {
  readonly name: string
  /** Its place in the configuration, from 0. */
  readonly index: number
  /** The peers that begin with a PROXY header. */
  readonly proxyPeers: CidrSet
  /** The port to which requests are redirected under https; undefined when they are served. */
  readonly redirectPort: number | undefined
}

/** The settings of a listener, from its configuration. */
export function listenerSettings (
  config: Pick<ListenerSpec, 'name' | 'proxyProtocol' | 'redirectToHttps'>, index: number
): ListenerSettings {
  return {
    name: config.name,
    index,
    proxyPeers: new CidrSet(config.proxyProtocol?.from ?? []),
    redirectPort: config.redirectToHttps?.port
  }
}
