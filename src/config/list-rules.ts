/**
 * The rules of `lists`: names that differ, versions that are there, and what a member is recognised by.
 */
import { findDuplicates, type ConfigPath, type Finding } from './finding.ts'
import { checkRecognition } from './recognition-rules.ts'
import type { RouteConfig, VersionConfig } from './schema.ts'
import { checkVersionName } from './version-names.ts'

type ListConfig = RouteConfig['lists'][number]

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
