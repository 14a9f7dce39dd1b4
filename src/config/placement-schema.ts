/** The options of what chooses a version before the split does: matches of a version, overrides, the cookie that Weir issues. */
import Type from 'typebox'
import { DURATION_PATTERN } from '../core/duration.ts'
import { MATCH_BOUNDS } from '../plans/read-match.ts'
import { COOKIE_PATH_PATTERN, FIELD_NAME_PATTERN, METHOD_PATTERN } from './patterns.ts'

const strict = { additionalProperties: false } as const

const text = (what: string) => ({
  value: Type.Optional(Type.String({ description: `The exact ${what}.` })),
  prefix: Type.Optional(Type.String({ minLength: 1, description: `What the ${what} begins with.` })),
  regex: Type.Optional(Type.String({ minLength: 1, description: `A regular expression in the syntax of RE2, searched for in the ${what}; \`^\` and \`$\` stand for its ends. At most 256 characters.` }))
})

const whole = (what: string, description: string) =>
  Type.Optional(Type.Object(text(what), { ...strict, minProperties: 1, maxProperties: 1, description }))

const named = (what: string, name: ReturnType<typeof Type.String>, description: string) => Type.Optional(Type.Array(
  Type.Object({ name, ...text('value') }, { ...strict, maxProperties: 2 }),
  { minItems: 1, maxItems: MATCH_BOUNDS.tests, description: `${description} With \`value\`, \`prefix\` or \`regex\`; with none of them, ${what} has to be there.` }
))

const fieldName = (description: string) => Type.String({ pattern: FIELD_NAME_PATTERN, description })

const MatchEntrySchema = Type.Object({
  headers: named('the field', fieldName('The name of the header field, in any case.'), 'Header fields that must all match.'),
  cookies: named('the cookie', fieldName('The name of the cookie, with its case.'), 'Cookies that must all match.'),
  query: named('the parameter', Type.String({ minLength: 1, description: 'The name of the query parameter.' }), 'Query parameters that must all match, compared as they are sent.'),
  path: whole('path', 'The path, without the query, as it is sent.'),
  host: whole('host', 'The host, in lower case, without port and without a dot at its end.'),
  methods: Type.Optional(Type.Array(Type.String({ pattern: METHOD_PATTERN }), {
    minItems: 1, maxItems: MATCH_BOUNDS.methods, description: 'One of these methods, case-sensitive.'
  })),
  alwaysNever: Type.Optional(Type.Object({
    header: Type.Optional(fieldName('The name of the header field.')),
    cookie: Type.Optional(fieldName('The name of the cookie.'))
  }, { ...strict, minProperties: 1, maxProperties: 1, description: 'As in ingress-nginx: the value `always` chooses this version, `never` keeps the request from it, any other says nothing. Stands alone in its entry.' }))
}, { ...strict, minProperties: 1, description: 'Conditions that all have to hold.' })

export const VersionMatchSchema = Type.Union([
  Type.Array(MatchEntrySchema, { minItems: 1, maxItems: MATCH_BOUNDS.entries }), MatchEntrySchema
], { description: 'Requests that get this version whatever the weights say, so that it may have the weight 0: a list of entries, one of which has to hold, or one entry.' })

const keyFiles = (description: string) => Type.Array(Type.String({ minLength: 1 }), { default: [], maxItems: 4, description })

const overrides = {
  keyFiles: keyFiles('Files of keys that sign overrides (`weir token version`): each a line of at least 32 visible ASCII characters, or up to four lines during a rotation, all of which are accepted. They are read again when they change.'),
  trustedNetworks: Type.Array(Type.String({ description: 'An address or CIDR.' }), { default: [], maxItems: 1_000, description: 'Clients whose overrides count without a signature: the plain name of a version.' })
}

const WHO = 'Who may say which version a request gets, by the header `X-Weir-Version` or the cookie `weir-version`. From anybody else they have no effect, and no origin ever sees them.'

export const OverridesSchema = Type.Object(overrides, { ...strict, default: {}, description: WHO })
export const RouteOverridesSchema = Type.Object(overrides, { ...strict, description: `${WHO} In place of what holds for all routes.` })

export const IssuedCookieSchema = Type.Object({
  name: Type.String({ pattern: FIELD_NAME_PATTERN, default: 'weir-client', description: 'The name of the cookie.' }),
  path: Type.String({ pattern: COOKIE_PATH_PATTERN, maxLength: 1_024, default: '/', description: 'Its Path.' }),
  sameSite: Type.Union([
    Type.Literal('Lax'), Type.Literal('Strict'), Type.Literal('None')
  ], { default: 'Lax', description: 'Its SameSite.' }),
  secure: Type.Union([Type.Literal('auto'), Type.Literal('always'), Type.Literal('never')], { default: 'auto', description: 'Its Secure: `auto` with requests that came over TLS, to Weir or to a trusted proxy before it.' }),
  maxAge: Type.String({ pattern: DURATION_PATTERN, default: '0s', description: 'How long browsers keep it; 0s is until they are closed.' }),
  httpOnly: Type.Boolean({ default: true, description: 'Its HttpOnly: scripts can\'t read it.' }),
  keyFiles: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 4, description: 'Files of the keys that sign it, as those of `overrides`. The first line of the first file signs, all are accepted.' })
}, { ...strict, description: 'Gives clients that have none a cookie of Weir\'s own, with a random key, so that each stays on the version of its first answer, whatever the application gives it later. With `by: cookie`.' })
