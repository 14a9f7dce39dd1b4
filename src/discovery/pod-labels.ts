/**
 * Which pods of a Service are those of a version, by their labels.
 */
import type { SlicePort } from './endpoint-slice.ts'

/** The labels of a pod that somebody asks for. */
export type PodLabels = ReadonlyMap<string, string>

/** A pod is selected when each of these labels has one of the values. Sorted, so that equal selectors look the same. */
export type PodSelector = ReadonlyArray<{ readonly key: string, readonly values: readonly string[] }>

/** @param written the option `podLabels` */
export function readPodSelector (written: Readonly<Record<string, string | readonly string[]>>): PodSelector {
  return Object.entries(written)
    .map(([key, value]) => ({ key, values: [...new Set(typeof value === 'string' ? [value] : value)].sort() }))
    .sort((left, right) => left.key < right.key ? -1 : 1)
}

function isSelected (selector: PodSelector, labels: PodLabels): boolean {
  return selector.every(({ key, values }) => {
    const value = labels.get(key)
    return value !== undefined && values.includes(value)
  })
}

/** As kubectl and the API write it: `tier in (a,b),track=canary`. */
export function showPodSelector (selector: PodSelector): string {
  return selector.map(({ key, values }) => values.length === 1 ? `${key}=${values.join('')}` : `${key} in (${values.join(',')})`).join(',')
}

/** What the API is asked for so that all who follow the pods of a namespace have what they need. */
export interface PodAsk {
  /** The pods that may be selected: by the labels that all have in common. Empty for all pods. */
  readonly labelSelector: string
  /** The labels that are kept. */
  readonly keys: readonly string[]
}

/** The longest label selector that is sent: beyond it all pods are asked for, rather than to find out what a proxy takes. */
const MAX_SELECTOR_LENGTH = 2_000

/** @param selectors at least one */
export function askFor (selectors: readonly PodSelector[]): PodAsk {
  const values = new Map<string, Set<string>>()
  const users = new Map<string, number>()
  for (const { key, values: wanted } of selectors.flat()) {
    users.set(key, (users.get(key) ?? 0) + 1)
    const known = values.get(key) ?? new Set()
    values.set(key, known)
    for (const value of wanted) known.add(value)
  }
  const keys = [...values.keys()].sort()
  // Whoever is selected by any of them has one of these values at each of these keys.
  const shared = keys.filter(key => users.get(key) === selectors.length)
  const labelSelector = showPodSelector(shared.map(key => ({ key, values: [...values.get(key) ?? []].sort() })))
  return { labelSelector: labelSelector.length > MAX_SELECTOR_LENGTH ? '' : labelSelector, keys }
}

/** Another version of the route that selects pods of the same Service. */
export interface PodRival {
  readonly version: string
  readonly selector: PodSelector
  /** Does it want this port of the pods too? Endpoints of other ports are others. */
  readonly wants: (port: SlicePort) => boolean
  /** It stands before this version in the file. */
  readonly first: boolean
  /** Is its Service the same one? One may leave out the namespace that the other spells out: with the credentials it is known. */
  readonly isSameService: () => boolean
}

/** What a version claims of the pods of its Service. */
export interface PodClaim {
  /** Undefined: whatever the others do not select. */
  readonly own: PodSelector | undefined
  readonly rivals: readonly PodRival[]
}

/**
 * - `mine`: the endpoint is one of the version
 * - `lost`: it would be, but a version that comes first selects it as well
 * - `other`: its pod has other labels, or is not known (yet)
 * - `no-pod`: the slice names no pod
 */
type PodVerdict = 'mine' | 'lost' | 'other' | 'no-pod'

/** An endpoint of a slice, with the labels of its pod; undefined when the pod is not known. */
export interface PodAtPort {
  readonly podKey: string
  readonly labels: PodLabels | undefined
  readonly port: SlicePort
}

export function judgePod ({ own, rivals }: PodClaim, pod: PodAtPort): PodVerdict {
  // What nobody is known to select is the rest's, so that it does not depend on the pods being read.
  if (own === undefined) return rivalOf(rivals, pod) === undefined ? 'mine' : 'other'
  if (pod.podKey === '') return 'no-pod'
  if (pod.labels === undefined || !isSelected(own, pod.labels)) return 'other'
  return rivalOf(rivals.filter(({ first }) => first), pod) === undefined ? 'mine' : 'lost'
}

/** The first of the versions that select the endpoint as well. */
export function rivalOf (rivals: readonly PodRival[], { labels, port }: PodAtPort): PodRival | undefined {
  if (labels === undefined) return undefined
  return rivals.find(({ selector, wants, isSameService }) => wants(port) && isSelected(selector, labels) && isSameService())
}
