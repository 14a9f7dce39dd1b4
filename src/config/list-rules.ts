/**
 * The rules of `lists`: names that differ, versions that are there, and what a member is recognised by.
 */
import { fault, findDuplicates, type ConfigPath, type Finding } from './finding.ts'
import type { RouteConfig, VersionConfig } from './schema.ts'

type ListConfig = RouteConfig['lists'][number]

export function checkLists (lists: readonly ListConfig[], versions: readonly VersionConfig[], path: ConfigPath): readonly Finding[] {
  return [
    ...findDuplicates(lists.map(({ name }) => name), index => [...path, index, 'name'], first =>
      `is the same as ${first}; the lists of a route need different names`),
    ...lists.flatMap((list, index) => checkList(list, versions, [...path, index]))
  ]
}

function checkList (list: ListConfig, versions: readonly VersionConfig[], path: ConfigPath): readonly Finding[] {
  const findings: Finding[] = []
  if (!versions.some(({ name }) => name === list.version)) {
    findings.push(fault([...path, 'version'], `is no version of the route; it has ${versions.map(({ name }) => `"${name}"`).join(', ')}`))
  }
  for (const key of ['header', 'cookie'] as const) {
    const isGiven = list[key] !== undefined
    if (list.by === key && !isGiven) findings.push(fault([...path, key], `is missing: \`by: ${key}\` needs the name of the ${key}`))
    if (list.by !== key && isGiven) findings.push(fault([...path, key], `is not used: with it, write \`by: ${key}\``))
  }
  return findings
}
