/**
 * What is followed of one namespace, and which pods of a Service each version of a route claims.
 */
import type { RouteConfig, VersionConfig } from '../config/schema.ts'
import type { KubeError } from '../kube/kube-api.ts'
import type { WatchRecovery } from '../kube/list-watch.ts'
import { portMatcher } from './checked-slice.ts'
import { NamespacePods } from './namespace-pods.ts'
import { NamespaceSlices, type SlicesContext } from './namespace-slices.ts'
import { type PodClaim, readPodSelector } from './pod-labels.ts'

/** What is followed, as logs call it. */
export type FollowedObjects = 'EndpointSlices' | 'Pods'

export interface KubeContext extends Omit<SlicesContext, 'onFailure' | 'onRecovery'> {
  /** Told of every failure of a list+watch of a namespace. Undefined is the namespace of the credentials. */
  readonly onFailure: (objects: FollowedObjects, namespace: string | undefined, error: KubeError, retryInMs: number) => void
  /** Told when a list+watch that had failed follows its namespace again. */
  readonly onRecovery?: (objects: FollowedObjects, namespace: string | undefined, recovery: WatchRecovery) => void
}

/** Nothing is asked for before somebody subscribes. */
export class KubeNamespace {
  /** Undefined for that of the credentials. */
  readonly name: string | undefined
  readonly slices: NamespaceSlices
  readonly pods: NamespacePods

  constructor (name: string | undefined, context: KubeContext) {
    this.name = name
    const contextOf = (objects: FollowedObjects): SlicesContext => ({
      ...context,
      onFailure: (namespace, error, retryInMs) => { context.onFailure(objects, namespace, error, retryInMs) },
      onRecovery: (namespace, recovery) => { context.onRecovery?.(objects, namespace, recovery) }
    })
    this.slices = new NamespaceSlices(name, contextOf('EndpointSlices'))
    this.pods = new NamespacePods(name, contextOf('Pods'))
  }

  /** Whoever follows pods follows slices too. */
  get isUsed (): boolean { return this.slices.isUsed }

  /** Resolves when the connections to the API server are closed. */
  async stop (): Promise<void> {
    await Promise.all([this.slices.stop(), this.pods.stop()])
  }
}

type ServiceEndpointsConfig = Extract<VersionConfig['endpoints'], { readonly service: string }>

/** A version that selects pods of the Service of another one. */
interface SelectingVersion {
  readonly name: string
  readonly endpoints: ServiceEndpointsConfig & Required<Pick<ServiceEndpointsConfig, 'podLabels'>>
  /** It stands before the other one in the file. */
  readonly first: boolean
}

/**
 * The other versions of a route that select pods of the Service which this version follows, in the order of the file. A namespace that is
 * left out may be any of those that are spelled out: `podClaimOf` finds out.
 * @param namespace of those that name none; undefined for that of the credentials
 */
export function rivalsOf (route: RouteConfig, version: VersionConfig, namespace: string | undefined): readonly SelectingVersion[] {
  const own = version.endpoints
  if (!('service' in own)) return []
  const at = route.versions.indexOf(version)
  return route.versions.flatMap(({ name, endpoints }, index) => {
    if (index === at || !('service' in endpoints) || endpoints.podLabels === undefined) return []
    const { podLabels, service } = endpoints
    if (service !== own.service || !mayBeSame(endpoints.namespace ?? namespace, own.namespace ?? namespace)) return []
    return [{ name, endpoints: { ...endpoints, podLabels }, first: index < at }]
  })
}

function mayBeSame (left: string | undefined, right: string | undefined): boolean {
  return left === undefined || right === undefined || left === right
}

/**
 * Undefined when the version has all pods of its Service.
 * @param defaultNamespace the namespace of those that name none; undefined as long as it is not known
 */
export function podClaimOf (
  { podLabels, namespace }: ServiceEndpointsConfig, rivals: readonly SelectingVersion[], defaultNamespace: () => string | undefined
): PodClaim | undefined {
  if (podLabels === undefined && rivals.length === 0) return undefined
  return {
    own: podLabels === undefined ? undefined : readPodSelector(podLabels),
    rivals: rivals.map(({ name, endpoints, first }) => ({
      version: name,
      selector: readPodSelector(endpoints.podLabels),
      wants: portMatcher(endpoints.port),
      first,
      isSameService: () => mayBeSame(endpoints.namespace ?? defaultNamespace(), namespace ?? defaultNamespace())
    }))
  }
}
