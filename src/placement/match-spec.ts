/**
 * What a configuration says of the matches of a version, as workers are told of it.
 */
import { matchEntries, type MatchEntryConfig, type VersionMatchConfig } from '../config/placement-rules.ts'
import type { AlwaysNever, NamedTest, RequestTest, TextTest, VersionMatchSpec } from '../contract/placement-spec.ts'

/** @param match one that has passed the rules */
export function matchSpecOf (version: string, match: VersionMatchConfig): VersionMatchSpec {
  const entries = matchEntries(match)
  return {
    version,
    match: entries.filter(({ alwaysNever }) => alwaysNever === undefined).map(requestTest),
    alwaysNever: entries.flatMap(({ alwaysNever }): AlwaysNever[] => {
      if (alwaysNever?.header !== undefined) return [{ by: 'header', name: alwaysNever.header }]
      return alwaysNever?.cookie === undefined ? [] : [{ by: 'cookie', name: alwaysNever.cookie }]
    })
  }
}

function requestTest ({ headers = [], cookies = [], query = [], path, host, methods = [] }: MatchEntryConfig): RequestTest {
  return {
    headers: headers.map(namedTest),
    cookies: cookies.map(namedTest),
    query: query.map(namedTest),
    methods,
    ...(path === undefined ? {} : { path: textTest(path) }),
    ...(host === undefined ? {} : { host: textTest(host) })
  }
}

interface TextConfig {
  readonly value?: string
  readonly prefix?: string
  readonly regex?: string
}

function namedTest ({ name, ...test }: TextConfig & { readonly name: string }): NamedTest {
  return { name, test: textTest(test) }
}

function textTest ({ value, prefix, regex }: TextConfig): TextTest {
  if (regex !== undefined) return { kind: 'regex', value: regex }
  if (prefix !== undefined) return { kind: 'prefix', value: prefix }
  return value === undefined ? { kind: 'present' } : { kind: 'exact', value }
}
