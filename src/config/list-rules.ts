/**
 * The rules of `lists`: names that differ, versions that are there, and what a member is recognised by.
 */
import { fault, findDuplicates, type ConfigPath, type Finding } from './finding.ts'
import { checkRecognition } from './recognition-rules.ts'
import type { Config, RouteConfig, VersionConfig } from './schema.ts'
import { checkVersionName } from './version-names.ts'

type ListConfig = RouteConfig['lists'][number]

/** What the name of the ConfigMap with the lists has behind that of the state. */
export const LISTS_SUFFIX = '-lists'
/** RFC 1123 subdomain, as Kubernetes takes names of objects. */
const MAX_OBJECT_NAME = 253

/** Where they are kept in Kubernetes has a name that has to fit too. */
export function checkListStore ({ state, routes }: Pick<Config, 'state' | 'routes'>): readonly Finding[] {
  const most = MAX_OBJECT_NAME - LISTS_SUFFIX.length
  if (state.store !== 'kubernetes' || state.name.length <= most || routes.every(({ lists }) => lists.length === 0)) return []
  return [fault(['state', 'name'], `has ${state.name.length} characters: with lists it may have ${most}, for they are in a ConfigMap with \`${LISTS_SUFFIX}\` behind its name`)]
}

export function checkLists (lists: readonly ListConfig[], versions: readonly VersionConfig[], path: ConfigPath): readonly Finding[] {
  return [
    ...findDuplicates(lists.map(({ name }) => name), index => [...path, index, 'name'], first =>
      `is the same as ${first}; the lists of a route need different names`),
    ...lists.flatMap((list, index) => checkList(list, versions, [...path, index]))
  ]
}

function checkList (list: ListConfig, versions: readonly VersionConfig[], path: ConfigPath): readonly Finding[] {
  return [...checkVersionName(list.version, versions, [...path, 'version']), ...checkRecognition(list, path)]
}
