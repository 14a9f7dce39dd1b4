import { withoutPaths } from '../core/without-paths.ts'
import type { Endpoint, EndpointChange } from '../core/endpoint.ts'
import { noPods, type PodCounts, type SliceSelection } from './checked-slice.ts'
import type { EndpointSlice, OwnPlace, SlicePort } from './endpoint-slice.ts'
import type { EndpointListener, EndpointSource, EndpointSourceStatus, IgnoredAddress, PodStatus, SourceProblem } from './endpoint-source.ts'
import type { NamespacePods, PodsListener } from './namespace-pods.ts'
import type { NamespaceSlices, SlicesListener } from './namespace-slices.ts'
import { type PodClaim, showPodSelector } from './pod-labels.ts'
import { ServiceEndpoints, type SliceFacts } from './service-endpoints.ts'

/**
 * Why a version has no endpoints, in words for whoever has to mend it. Without them a mistyped Service, the wrong port
 * and a Deployment scaled to zero look the same: 503.
 */

/** The Service of a version, as the configuration has it. */
interface ServiceRef extends Pick<SliceSelection, 'port' | 'ipFamily'> {
  readonly service: string
  /** Undefined for the namespace of the credentials. */
  readonly namespace: string | undefined
}

/** What the slices of a Service say of the configuration: that the Service or its port is not there. */
function sliceProblem (ref: ServiceRef, facts: SliceFacts): SourceProblem | undefined {
  const { service, namespace, port } = ref
  if (facts.slices === 0) {
    const where = namespace === undefined ? 'the namespace of the credentials' : `namespace "${namespace}"`
    return {
      kind: 'no-slices',
      detail: `no EndpointSlice in ${where} names Service "${service}": there is no such Service, or nothing has made slices for it yet (Weir reads slices only, so it can't tell which)`
    }
  }
  // A Service without pods has a slice that names neither endpoints nor ports.
  if (facts.portFound || facts.ports.length === 0) return undefined
  const number = /^[0-9]+$/.test(String(port))
  const wanted = number ? `TCP port ${port}` : `TCP port named "${port}"`
  const there = `there ${facts.ports.length === 1 ? 'is' : 'are'} ${facts.ports.map(showPort).join(', ')}`
  const hint = number ? '; a number is the port of the pods, not that of the Service' : ''
  return { kind: 'no-port', detail: `the EndpointSlices of Service "${service}" name no ${wanted}; ${there}${hint}` }
}

/** Why no endpoint of a Service that is there is known. */
function whyNone ({ service, ipFamily }: ServiceRef, endpoints: ServiceEndpoints, claim: PodClaim | undefined): string {
  if (endpoints.facts().otherFamily > 0) return `Service "${service}" has no ${ipFamily} addresses, and kubernetes.ipFamily asks for those`
  const pods = endpoints.pods()
  if (pods !== undefined && pods.other + pods.withoutPod > 0) return whyNoPod(service, claim, pods)
  const [first]: readonly IgnoredAddress[] = endpoints.ignored()
  if (first !== undefined) return `no address of Service "${service}" may be dialled: ${first.address} is refused (${first.reason})`
  return `Service "${service}" has no pods, or none with a TCP port`
}

function whyNoPod (service: string, claim: PodClaim | undefined, { other, withoutPod }: PodCounts): string {
  if (claim?.own === undefined) return `other versions of the route select all pods of Service "${service}"`
  const unnamed = withoutPod === 0 ? '' : `; ${withoutPod} of its endpoints name no pod`
  const there = `${other} ${other === 1 ? 'pod of it has other labels, or is' : 'pods of it have other labels, or are'} not known yet`
  return `no pod of Service "${service}" has the labels ${showPodSelector(claim.own)}: ${there}${unnamed}`
}

/** Pods that two versions select. The one that comes first in the file has them, and the other one says that something is wrong. */
function overlapProblem (service: string, { lost }: PodCounts): SourceProblem | undefined {
  const [found] = lost
  if (found === undefined) return undefined
  const [version, { count, example }] = found
  const total = [...lost.values()].reduce((sum, each) => sum + each.count, 0)
  const others = total === count ? '' : ` (and ${total - count} by others)`
  return {
    kind: 'pods-of-two',
    detail: `${count} of the endpoints of Service "${service}" that this version selects ${count === 1 ? 'is' : 'are'} selected by version "${version}" as well${others}, which comes first in the file and has ${count === 1 ? 'it' : 'them'} (${example}): change podLabels so that no pod has the labels of both`
  }
}

function wonRemark ({ won }: PodCounts): string | undefined {
  const [found] = won
  if (found === undefined) return undefined
  const [version, { count, example }] = found
  return `${count} of its endpoints ${count === 1 ? 'is' : 'are'} selected by version "${version}" as well, which comes later in the file (${example})`
}

function showPort ({ name, port }: SlicePort): string {
  return name === '' ? String(port) : `${port} (${name})`
}

interface ServiceSourceOptions extends Omit<SliceSelection, 'pods' | 'withZone'> {
  readonly namespace: NamespaceSlices
  /** What the configuration calls it; undefined for that of the credentials. */
  readonly namespaceName?: string | undefined
  readonly service: string
  /** Which pods are the version's, and where their labels are known; all pods of the Service without it. */
  readonly byPods?: ByPods
  /** Where Weir runs; all places are equal without it. */
  readonly place?: OwnPlace
}

interface ByPods {
  readonly claim: PodClaim
  readonly pods: NamespacePods
}

/** The endpoints of one port of a Kubernetes Service, from its EndpointSlices; of all of its pods, or of those with some labels. */
export class ServiceSource implements EndpointSource {
  readonly #options: ServiceSourceOptions
  readonly #endpoints: ServiceEndpoints
  #unsubscribe: (() => void) | undefined
  /** The slices were read. */
  #listed = false
  /** All that is needed was read. */
  #synced = false

  constructor (options: ServiceSourceOptions) {
    this.#options = options
    const { byPods, place, ...selection } = options
    const pods = byPods && { claim: byPods.claim, labelsOf: (key: string, uid: string) => byPods.pods.labelsOf(key, uid) }
    this.#endpoints = new ServiceEndpoints({ ...selection, ...(pods === undefined ? {} : { pods }) }, place)
  }

  start (onAll: EndpointListener, onChange: (change: EndpointChange) => void, onPossible?: EndpointListener): void {
    const { namespace, service, byPods } = this.#options
    const takeAll = (slices: ReadonlyMap<string, EndpointSlice>): void => {
      if (!this.#listed) return
      if (!this.#knowsPods()) return onPossible?.(this.#ofAnyPod(slices))
      this.#synced = true
      onAll(this.#endpoints.replace(slices))
    }
    const takeChange = (slices: ReadonlyMap<string, EndpointSlice | undefined>): void => {
      if (!this.#synced) return takeAll(namespace.slicesOf(service))
      const update = this.#endpoints.change(slices)
      if ('set' in update) onChange(update)
      else onAll(update)
    }
    const slicesListener: SlicesListener = {
      all: slices => {
        this.#listed = true
        // The namespace of the credentials is known by now: it may have turned out that no other version is about this Service.
        if (byPods !== undefined && this.#pods === undefined) {
          byPods.pods.unsubscribe(podsListener)
          byPods.pods.settle()
        }
        takeAll(slices)
      },
      changed: takeChange
    }
    const podsListener: PodsListener = {
      all: () => { takeAll(namespace.slicesOf(service)) },
      changed: podKeys => {
        const concerned = [...namespace.slicesOf(service)]
          .filter(([, { endpoints }]) => endpoints.some(({ podKey }) => podKeys.has(podKey)))
        if (concerned.length > 0) takeChange(new Map(concerned))
      }
    }
    this.#unsubscribe = () => {
      namespace.unsubscribe(service, slicesListener)
      byPods?.pods.unsubscribe(podsListener)
    }
    if (byPods !== undefined) {
      const { own, rivals } = byPods.claim
      byPods.pods.subscribe([...(own === undefined ? [] : [own]), ...rivals.map(({ selector }) => selector)], podsListener)
    }
    namespace.subscribe(service, slicesListener)
  }

  stop (): void {
    this.#unsubscribe?.()
  }

  /** Undefined when all pods of the Service are the version's. */
  get #pods (): NamespacePods | undefined {
    const { byPods } = this.#options
    if (byPods === undefined) return undefined
    const { own, rivals } = byPods.claim
    return own !== undefined || rivals.some(rival => rival.isSameService()) ? byPods.pods : undefined
  }

  /** The endpoints of all pods, whichever of them are the version's. */
  #ofAnyPod (slices: ReadonlyMap<string, EndpointSlice>): readonly Endpoint[] {
    const { byPods: _unknown, place, ...selection } = this.#options
    return new ServiceEndpoints(selection, place).replace(slices)
  }

  /** What others do not select is known without pods; see `judgePod`. */
  #knowsPods (): boolean {
    if (this.#options.byPods === undefined) return true
    const { claim: { own, rivals }, pods } = this.#options.byPods
    if (own !== undefined) return pods.knows(own)
    return this.#synced || !rivals.some(({ selector, isSameService }) => isSameService() && pods.expects(selector))
  }

  get overlap (): SourceProblem | undefined {
    const pods = this.#endpoints.pods()
    return pods === undefined ? undefined : overlapProblem(this.#options.service, pods)
  }

  status (): EndpointSourceStatus {
    const { namespace, namespaceName, service, port, ipFamily, byPods } = this.#options
    const claim = byPods?.claim
    const common = { kind: 'kubernetes', ...freshness(namespace, this.#pods) } as const
    // The pods of other labels may have been read.
    if (!this.#synced) return { ...common, lastSyncWallMs: undefined, synced: false, ignored: [] }
    const { unwatched } = namespace.stats()
    const error = unwatched?.error === undefined ? undefined : withoutPaths(unwatched.error)
    const ref = { namespace: namespaceName, service, port, ipFamily }
    const endpoints = this.#endpoints
    // Worked out when they are asked for: a scrape asks every version for its age, and for nothing else.
    return {
      ...common,
      synced: true,
      unwatched: unwatched && { ...unwatched, error },
      get ignored () { return endpoints.ignored() },
      get problem () { return sliceProblem(ref, endpoints.facts()) ?? overlapProblem(service, endpoints.pods() ?? noPods()) },
      get whyNone () { return whyNone(ref, endpoints, claim) },
      get remark () { return wonRemark(endpoints.pods() ?? noPods()) },
      get pods () { return podStatus(claim, endpoints.pods()) },
      get near () { return endpoints.near() }
    }
  }
}

/** How current it is: with pods, as current as the older of both. Many may read its texts; the log has the paths. */
function freshness (
  slices: NamespaceSlices, pods: NamespacePods | undefined
): Pick<EndpointSourceStatus, 'lastSyncWallMs' | 'restarts' | 'lastError'> {
  const ofSlices = shown(slices.stats())
  if (pods === undefined) return ofSlices
  const ofPods = shown(pods.stats())
  const times = [ofSlices.lastSyncWallMs, ofPods.lastSyncWallMs].filter(time => time !== undefined)
  return {
    lastSyncWallMs: times.length < 2 ? undefined : Math.min(...times),
    restarts: ofSlices.restarts + ofPods.restarts,
    lastError: [...new Set([ofSlices.lastError, ofPods.lastError])].filter(error => error !== undefined).join('; ') || undefined
  }
}

function shown (
  { lastSyncWallMs, restarts, lastError }: ReturnType<NamespaceSlices['stats']>
): Pick<EndpointSourceStatus, 'lastSyncWallMs' | 'restarts' | 'lastError'> {
  return { lastSyncWallMs, restarts, lastError: lastError === undefined ? undefined : withoutPaths(lastError) }
}

function podStatus (claim: PodClaim | undefined, counts: PodCounts | undefined): PodStatus | undefined {
  if (counts === undefined) return undefined
  const { withoutPod, other, lost } = counts
  return {
    selector: claim?.own === undefined ? undefined : showPodSelector(claim.own),
    withoutPod,
    other,
    lost: [...lost.values()].reduce((sum, { count }) => sum + count, 0)
  }
}
