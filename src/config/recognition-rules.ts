/**
 * The rules of what a client is recognised by: the field or cookie is named where one is used, and is none of those that speak to Weir.
 */
import { isOverrideName, OVERRIDE_HINT } from '../core/override-names.ts'
import { fault, type ConfigPath, type Finding } from './finding.ts'

/** An option with `by`. */
interface Recognition {
  readonly by: string
  readonly header?: string
  readonly cookie?: string
}

const KINDS = ['header', 'cookie'] as const

export function checkRecognition (recognition: Recognition, path: ConfigPath): readonly Finding[] {
  return KINDS.flatMap(key => {
    const name = recognition[key]
    if (recognition.by !== key) return name === undefined ? [] : [fault([...path, key], `is not used: with it, write \`by: ${key}\``)]
    if (name === undefined) return [fault([...path, key], `is missing: \`by: ${key}\` needs the name of the ${key}`)]
    return checkNoOverride(key, name, [...path, key])
  })
}

/** Anybody can send what an override says: nothing but `overrides` may go by it. */
export function checkNoOverride (by: 'header' | 'cookie', name: string, path: ConfigPath): readonly Finding[] {
  return isOverrideName(by, name) ? [fault(path, OVERRIDE_HINT)] : []
}
