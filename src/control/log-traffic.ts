import type { TrafficEvent } from '../rollout/split-announcer.ts'
import type { TrafficControl } from '../rollout/traffic-control.ts'
import type { EventLog } from '../core/logger.ts'
import type { Weights } from '../contract/weights.ts'

/** Says in the log which weights have changed, from what to what, and who did it. */
export function logTraffic (traffic: Pick<TrafficControl, 'subscribe'>, log: EventLog): void {
  traffic.subscribe(event => { log.info('the weights of a route have changed', describe(event)) })
}

function describe ({ route, traffic, revision }: TrafficEvent): Readonly<Record<string, string | number>> {
  const to = showWeights(traffic.weights)
  if (revision === undefined) return { route, to, epoch: traffic.epoch }
  const { actor, reason, source, action, before } = revision
  return { route, from: showWeights(before ?? {}), to, action, source, actor, reason, epoch: traffic.epoch, revision: traffic.revision }
}

/** `stable=75 canary=25` */
function showWeights (weights: Weights): string {
  return Object.entries(weights).map(([version, weight]) => `${version}=${weight}`).join(' ')
}
