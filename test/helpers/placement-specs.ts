import type { NamedTest, OverrideSpec, PlacementSpec, RequestTest, TextTest } from '../../src/contract/placement-spec.ts'
import type { PlacedTerms, Placement, PlacementMaterial } from '../../src/placement/placement.ts'
import { PlainRequest } from '../../src/routing/plain-request.ts'
import { signingKey } from '../../src/placement/signing-key.ts'

export const KEY = signingKey(Buffer.from('a key of at least thirty-two characters'))
export const OTHER_KEY = signingKey(Buffer.from('another key of at least that many characters'))

/** When the tests are, in milliseconds since the Unix epoch. */
export const NOW_MS = Date.UTC(2026, 10, 30)
export const NOW_S = NOW_MS / 1_000

export const OVERRIDES: OverrideSpec = { route: 'hello', keys: [KEY], trustedNetworks: ['10.0.0.0/8'] }

export function requestTest (changes: Partial<RequestTest> = {}): RequestTest {
  return { headers: [], cookies: [], query: [], methods: [], ...changes }
}

export function exact (name: string, value: string): NamedTest {
  return { name, test: { kind: 'exact', value } }
}

export function regex (value: string): TextTest {
  return { kind: 'regex', value }
}

export function placementSpec (changes: Partial<PlacementSpec> = {}): PlacementSpec {
  return { overrides: null, lists: [], matches: [], ...changes }
}

export function placementMaterial (changes: Partial<PlacementMaterial> = {}): PlacementMaterial {
  return { versions: ['stable', 'canary'], listOf: () => ({ has: () => false }), wallMs: () => NOW_MS, ...changes }
}

/** What a placement makes of a request. */
export function placed (
  placement: Placement, headers: Readonly<Record<string, string>>, { ip = '203.0.113.9', ...parts }: { readonly ip?: string, readonly path?: string, readonly query?: string, readonly method?: string, readonly host?: string } = {}
) {
  const view = new PlainRequest({ ...parts, headers })
  const terms: PlacedTerms = { placed: '', excluded: [] }
  let kind = ''
  let by = ''
  placement.place(view, {
    clientIp: ip,
    notePlaced: (notedKind, notedBy) => {
      kind = notedKind
      by = notedBy
    }
  }, terms)
  return { version: terms.placed, excluded: terms.excluded, kind, by, rules: placement.trace(view, ip) }
}
