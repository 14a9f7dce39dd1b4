/**
 * The rules of `podLabels`: what Kubernetes takes as a label, and versions that ask for the same pods.
 */
import { fault, findDuplicates, formatPath, warning, type ConfigPath, type Finding } from './finding.ts'
import { LABEL_VALUE_PATTERN, OBJECT_NAME_PATTERN } from './patterns.ts'
import type { VersionConfig } from './schema.ts'

const NAME = new RegExp(LABEL_VALUE_PATTERN)
const PREFIX = new RegExp(OBJECT_NAME_PATTERN)

type PodLabelsConfig = Readonly<Record<string, string | readonly string[]>>

export function checkPodLabels (labels: PodLabelsConfig, path: ConfigPath): readonly Finding[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    const at = [...path, key]
    if (!isLabelKey(key)) {
      return [fault(at, 'is not the key of a label: up to 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit, with a domain and `/` before it or without')]
    }
    if (typeof value === 'string') return checkValue(value, at)
    if (value.length === 0) return [fault(at, 'is an empty list, which no pod has a value of; name one, or leave the label out')]
    return [
      ...value.flatMap((each, index) => checkValue(each, [...at, index])),
      ...findDuplicates(value, index => [...at, index], first => `is the same as ${first}; name each value once`)
    ]
  })
}

function isLabelKey (key: string): boolean {
  const slash = key.indexOf('/')
  const name = key.slice(slash + 1)
  return name !== '' && NAME.test(name) && (slash === -1 || PREFIX.test(key.slice(0, slash)))
}

function checkValue (value: string, path: ConfigPath): readonly Finding[] {
  if (NAME.test(value)) return []
  return [fault(path, 'is not the value of a label: empty, or up to 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit')]
}

/** Versions that select the same pods of the same Service: the first one has them all. */
export function findSamePods (versions: readonly VersionConfig[], path: ConfigPath): readonly Finding[] {
  const seen = new Map<string, number>()
  return versions.flatMap(({ endpoints }, index) => {
    if (!('service' in endpoints) || endpoints.podLabels === undefined) return []
    const { service, namespace, port, podLabels } = endpoints
    const labels = Object.entries(podLabels).map(([key, value]) => [key, typeof value === 'string' ? [value] : value.toSorted()])
    const key = JSON.stringify([service, namespace, port, labels.sort()])
    const first = seen.get(key)
    if (first === undefined) {
      seen.set(key, index)
      return []
    }
    return [warning([...path, index, 'endpoints', 'podLabels'], `are the same as ${formatPath([...path, first, 'endpoints', 'podLabels'])}: this version never has an endpoint`)]
  })
}
