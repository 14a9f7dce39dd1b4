/**
 * What the lab reads of a manifest: the fields of Deployments and Services that its controller plays.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { errorText } from '../../../src/core/error-text.ts'
import { resolvePods, type RolloutGoal } from './lab-rollout.ts'

export type Labels = Readonly<Record<string, string>>

export const LAB_FOLDER = path.join(import.meta.dirname, 'lab')

/** A variable of a pod: its value, or the label that it is read from (the downward API). */
export type PodVariable = { readonly name: string, readonly value: string } | { readonly name: string, readonly label: string }

export interface DeploymentManifest {
  readonly name: string
  readonly goal: RolloutGoal
  readonly selector: Labels
  readonly labels: Labels
  readonly variables: readonly PodVariable[]
}

export interface ServiceManifest {
  readonly name: string
  readonly selector: Labels
  /** The name of its one port. */
  readonly port: string
}

export interface LabManifest {
  readonly deployments: readonly DeploymentManifest[]
  readonly services: readonly ServiceManifest[]
}

/**
 * Reads a file of the lab's folder.
 * @throws TypeError that names the file and what it has of a shape that the lab does not play
 */
export function readLabManifest (file: string): LabManifest {
  const documents = parseAllDocuments(readFileSync(path.join(LAB_FOLDER, file), 'utf8'), { strict: true, uniqueKeys: true })
  if ('empty' in documents) throw new TypeError(`${file}: is empty`)
  const objects = documents.map((document): unknown => {
    if (document.errors[0] !== undefined) throw new TypeError(`${file}: ${document.errors[0].message}`)
    return document.toJS()
  })
  try {
    return {
      deployments: objects.filter(object => at(object, 'kind') === 'Deployment').map(readDeployment),
      services: objects.filter(object => at(object, 'kind') === 'Service').map(readService)
    }
  } catch (error) {
    throw new TypeError(`${file}: ${errorText(error)}`, { cause: error })
  }
}

function readDeployment (object: unknown): DeploymentManifest {
  const replicas = at(object, 'spec.replicas') ?? 1
  if (typeof replicas !== 'number') throw new TypeError('spec.replicas is no number')
  const update = at(object, 'spec.strategy.rollingUpdate')
  const variables = at(object, 'spec.template.spec.containers.0.env')
  return {
    name: textAt(object, 'metadata.name'),
    goal: {
      replicas,
      maxSurge: resolvePods(at(update, 'maxSurge') ?? '25%', replicas, Math.ceil),
      maxUnavailable: resolvePods(at(update, 'maxUnavailable') ?? '25%', replicas, Math.floor)
    },
    selector: labelsAt(object, 'spec.selector.matchLabels'),
    labels: labelsAt(object, 'spec.template.metadata.labels'),
    variables: Array.isArray(variables) ? variables.map(readVariable) : []
  }
}

function readVariable (object: unknown): PodVariable {
  const name = textAt(object, 'name')
  const value = at(object, 'value')
  if (typeof value === 'string') return { name, value }
  const field = textAt(object, 'valueFrom.fieldRef.fieldPath')
  const label = /^metadata\.labels\['([^']+)'\]$/.exec(field)?.[1]
  if (label === undefined) throw new TypeError(`the variable ${name} is read from ${field}, and the lab plays labels only`)
  return { name, label }
}

function readService (object: unknown): ServiceManifest {
  return { name: textAt(object, 'metadata.name'), selector: labelsAt(object, 'spec.selector'), port: textAt(object, 'spec.ports.0.name') }
}

/** The value at a path such as `spec.ports.0.name`; undefined where there is none. */
function at (value: unknown, keys: string): unknown {
  return keys.split('.').reduce<unknown>((inner, key) => {
    return typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined
  }, value)
}

function textAt (value: unknown, keys: string): string {
  const found = at(value, keys)
  if (typeof found !== 'string') throw new TypeError(`${keys} is missing, or is no text`)
  return found
}

function labelsAt (value: unknown, keys: string): Labels {
  const found = at(value, keys)
  if (typeof found !== 'object' || found === null) throw new TypeError(`${keys} is missing`)
  const entries = Object.entries(found)
  if (entries.length === 0 || entries.some(([, text]) => typeof text !== 'string')) throw new TypeError(`${keys} is not a list of labels`)
  return Object.fromEntries(entries)
}
