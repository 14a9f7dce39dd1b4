import type { NamedTest, RequestTest, TextTest } from '../contract/placement-spec.ts'
import type { StepMatch } from './rollout-plan.ts'

/** The match of a step as people write it: `readMatch` reads it back. */
export function writeMatch ({ match, alwaysNever }: StepMatch): ReadonlyArray<Readonly<Record<string, unknown>>> {
  return [...alwaysNever.map(({ by, name }) => ({ alwaysNever: { [by]: name } })), ...match.map(writeEntry)]
}

function writeEntry ({ headers, cookies, query, path, host, methods }: RequestTest): Readonly<Record<string, unknown>> {
  return {
    ...listOf('headers', headers),
    ...listOf('cookies', cookies),
    ...listOf('query', query),
    ...(path === undefined ? {} : { path: writeText(path) }),
    ...(host === undefined ? {} : { host: writeText(host) }),
    ...(methods.length === 0 ? {} : { methods })
  }
}

function listOf (key: string, tests: readonly NamedTest[]): Readonly<Record<string, unknown>> {
  return tests.length === 0 ? {} : { [key]: tests.map(({ name, test }) => ({ name, ...writeText(test) })) }
}

function writeText (test: TextTest): Readonly<Record<string, string>> {
  switch (test.kind) {
    case 'present': return {}
    case 'exact': return { value: test.value }
    default: return { [test.kind]: test.value }
  }
}

/** A longer text is cut where a match is told of in a few words. */
const MAX_SHOWN = 40

/** A match in a few words: `header X-Beta=1`; several conditions are counted. */
export function matchText ({ match, alwaysNever }: StepMatch): string {
  const parts = [...alwaysNever.map(({ by, name }) => `${by} ${name}=always`), ...match.flatMap(entryTexts)]
  const [first = 'nothing'] = parts
  return parts.length <= 1 ? first : `of ${parts.length} conditions`
}

function entryTexts ({ headers, cookies, query, path, host, methods }: RequestTest): readonly string[] {
  return [
    ...headers.map(test => namedText('header', test)),
    ...cookies.map(test => namedText('cookie', test)),
    ...query.map(test => namedText('query', test)),
    ...(path === undefined ? [] : [`path${textOf(path)}`]),
    ...(host === undefined ? [] : [`host${textOf(host)}`]),
    ...methods.map(method => `method=${method}`)
  ]
}

function namedText (what: string, { name, test }: NamedTest): string {
  return `${what} ${name}${textOf(test)}`
}

function textOf (test: TextTest): string {
  if (test.kind === 'present') return ''
  const text = test.value.length > MAX_SHOWN ? `${test.value.slice(0, MAX_SHOWN)}…` : test.value
  switch (test.kind) {
    case 'exact': return `=${text}`
    case 'prefix': return `^=${text}`
    default: return `~=${text}`
  }
}
