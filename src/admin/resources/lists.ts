/**
 * The lists of a route, and who is on them.
 */
import { Readable } from 'node:stream'
import { errorCodes, type FastifyInstance, type FastifyRequest } from 'fastify'
import { Type, type Static } from '../../core/json-schema.ts'
import { withoutPaths } from '../../core/without-paths.ts'
import { noSuchList, type ListResult, type ListState } from '../../lists/list-book.ts'
import { MAX_IMPORT_BYTES } from '../../lists/member-import.ts'
import type { ListRef } from '../../lists/member-list.ts'
import { readMember } from '../../lists/read-member.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { ReasonSchema } from '../change-request.ts'
import { describeOperation, RouteParamsSchema, unknownRoute, type RouteParams } from '../operation.ts'
import { ProblemError, type ProblemCode } from '../problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body is lines of JSON, which the handler reads as they come. */
    takesLines?: true
  }
}

const LINES_TYPE = 'application/x-ndjson'
const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1_000

const ListParamsSchema = Type.object({
  route: Type.string({ description: 'The name of the route.', examples: ['hello'] }),
  list: Type.string({ description: 'The name of the list.', examples: ['beta'] })
})
type ListParams = Static<typeof ListParamsSchema>

const MemberParamsSchema = Type.object({
  route: Type.string({ description: 'The name of the route.', examples: ['hello'] }),
  list: Type.string({ description: 'The name of the list.', examples: ['beta'] }),
  id: Type.string({ description: 'The member: the value of the header or cookie, percent-encoded, or an address.', examples: ['user-17'] })
})
type MemberParams = Static<typeof MemberParamsSchema>

const ChangeQuerySchema = Type.object({ reason: ReasonSchema }, { additionalProperties: false })
type ListChangeQuery = Static<typeof ChangeQuerySchema>

const ListSchema = Type.object({
  name: Type.string(),
  version: Type.string({ description: 'What its members get.' }),
  by: Type.oneOf(['header', 'cookie', 'client-ip'], { description: 'What a member is recognised by.' }),
  header: Type.optional(Type.string({ description: 'With `by: header`.' })),
  cookie: Type.optional(Type.string({ description: 'With `by: cookie`.' })),
  members: Type.integer({ description: 'How many there are.' }),
  maxMembers: Type.integer({ description: 'How many there may be: `limits.maxListMembers`.' })
}, { description: 'A list as it is now.' })

const LIST_EXAMPLE: Static<typeof ListSchema> = {
  name: 'beta', version: 'canary', by: 'header', header: 'X-User', members: 2, maxMembers: 200_000
}

const ChangedSchema = Type.object({
  route: Type.string(),
  list: Type.string(),
  changed: Type.boolean({ description: 'False when it was so already.' }),
  added: Type.integer(),
  removed: Type.integer(),
  members: Type.integer({ description: 'How many there are now.' })
}, { description: 'What has become of the list. It is stored, and all workers of this replica go by it.' })
type Changed = Static<typeof ChangedSchema>

const CHANGED_EXAMPLE: Changed = { route: 'hello', list: 'beta', changed: true, added: 1, removed: 0, members: 3 }
const CHANGED = { description: 'It is stored, and all workers of this replica go by it.', schema: ChangedSchema, example: CHANGED_EXAMPLE }
const CHANGE_PROBLEMS: readonly ProblemCode[] = ['invalid_request', 'unknown_route', 'unknown_list', 'cross_site', 'store_failed']

/** Everything below /v1/routes/{route}/lists. */
export function listResources (app: FastifyInstance, deps: AdminDeps): void {
  app.addContentTypeParser(LINES_TYPE, (request: FastifyRequest, payload, done) => {
    if (request.routeOptions.config.takesLines !== true) done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE())
    else if (Number(request.headers['content-length'] ?? 0) > MAX_IMPORT_BYTES) done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE())
    else done(null, payload)
  })
  readLists(app, deps)
  readMembersOf(app, deps)
  changeMembers(app, deps)
  importMembers(app, deps)
}

function readLists (app: FastifyInstance, deps: AdminDeps): void {
  app.get<{ Params: RouteParams }>('/v1/routes/:route/lists', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'listLists',
      tag: 'Lists',
      summary: 'The lists of a route',
      description: 'In the order in which they are asked: the first that has the client wins.',
      params: RouteParamsSchema,
      answers: {
        200: {
          description: 'All lists of the route.',
          schema: Type.object({
            route: Type.string(),
            lists: Type.list(ListSchema),
            kept: Type.list(Type.string(), { description: 'Lists whose members are stored, and which the configuration does not name any more: they come back with it.' })
          }),
          example: { route: 'hello', lists: [LIST_EXAMPLE], kept: ['alpha'] }
        }
      },
      problems: ['unknown_route']
    })
  }, async ({ params: { route } }) => {
    const lists = deps.lists.lists(route)
    if (lists === undefined) throw unknownRoute()
    return { route, lists: lists.map(describeList), kept: [...await deps.lists.kept(route)] }
  })
  app.get<{ Params: ListParams }>('/v1/routes/:route/lists/:list', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getList',
      tag: 'Lists',
      summary: 'A list',
      description: 'What it is for, and how many are on it.',
      params: ListParamsSchema,
      answers: { 200: { description: 'The list.', schema: ListSchema, example: LIST_EXAMPLE } },
      problems: ['unknown_route', 'unknown_list']
    })
  }, async ({ params }) => describeList(findList(deps, params)))
}

const FoundSchema = Type.object({
  route: Type.string(),
  list: Type.string(),
  member: Type.string({ description: 'In the spelling of the list.' })
})

const PageQuerySchema = Type.object({
  after: Type.optional(Type.string({ description: 'The `next` of the page before, or any text: the members that come after it.' })),
  limit: Type.optional(Type.integer({ minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT, description: 'How many members to return.' }))
}, { additionalProperties: false })

const PageSchema = Type.object({
  route: Type.string(),
  list: Type.string(),
  members: Type.list(Type.string(), { description: 'In the order of their UTF-16 code units.' }),
  next: Type.optional(Type.string({ description: 'What `after` takes for the next page; absent on the last one.' }))
})

const PAGE_EXAMPLE: Static<typeof PageSchema> = { route: 'hello', list: 'beta', members: ['user-17', 'user-4'], next: 'user-4' }

function readMembersOf (app: FastifyInstance, deps: AdminDeps): void {
  app.get<{ Params: ListParams, Querystring: Static<typeof PageQuerySchema> }>('/v1/routes/:route/lists/:list/members', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'listMembers',
      tag: 'Lists',
      summary: 'Who is on a list',
      description: 'In pages. Members that come and go between two pages do not make others appear twice or be left out.',
      params: ListParamsSchema,
      querystring: PageQuerySchema,
      answers: { 200: { description: 'A page.', schema: PageSchema, example: PAGE_EXAMPLE } },
      problems: ['invalid_request', 'unknown_route', 'unknown_list']
    })
  }, async ({ params, query: { after, limit = DEFAULT_LIMIT } }): Promise<Static<typeof PageSchema>> => {
    const { members } = findList(deps, params)
    const page = members.page(after, limit)
    const last = page.at(-1)
    const isLast = last === undefined || last === members.ids.at(-1)
    return { route: params.route, list: params.list, members: [...page], ...(isLast ? {} : { next: last }) }
  })
  app.get<{ Params: MemberParams }>('/v1/routes/:route/lists/:list/members/:id', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'getMember',
      tag: 'Lists',
      summary: 'Is somebody on a list?',
      description: 'Answers with 404 when not.',
      params: MemberParamsSchema,
      answers: {
        200: {
          description: 'It is a member.',
          schema: FoundSchema,
          example: { route: 'hello', list: 'beta', member: 'user-17' }
        }
      },
      problems: ['unknown_route', 'unknown_list', 'unknown_member', 'invalid_member']
    })
  }, async ({ params: { route, list, id } }) => {
    const { spec, members } = findList(deps, { route, list })
    const member = readMember(id, spec.by)
    if ('fault' in member) throw new ProblemError('invalid_member', { detail: `the member ${member.fault}` })
    if (!members.has(member.id)) throw new ProblemError('unknown_member', { detail: `PUT /v1/routes/${route}/lists/${list}/members/… adds one` })
    return { route, list, member: member.id }
  })
}

function changeMembers (app: FastifyInstance, deps: AdminDeps): void {
  app.put<{ Params: MemberParams, Querystring: ListChangeQuery }>('/v1/routes/:route/lists/:list/members/:id', {
    config: { access: 'operator' },
    schema: describeOperation({
      operationId: 'addMember',
      tag: 'Lists',
      summary: 'Put somebody on a list',
      description: 'The next request of the member, in any worker, gets the version of the list. Nothing happens when it is on it already. There is no body.',
      params: MemberParamsSchema,
      querystring: ChangeQuerySchema,
      answers: { 200: CHANGED },
      problems: [...CHANGE_PROBLEMS, 'invalid_member', 'list_full']
    })
  }, async ({ params: { route, list, id }, query, actor }) =>
    changed({ route, list }, await deps.lists.add({ route, list }, id, { actor, reason: query.reason ?? '' })))
  app.delete<{ Params: MemberParams, Querystring: ListChangeQuery }>('/v1/routes/:route/lists/:list/members/:id', {
    config: { access: 'operator' },
    schema: describeOperation({
      operationId: 'removeMember',
      tag: 'Lists',
      summary: 'Take somebody off a list',
      description: 'Its next request, in any worker, gets what the rest of the route says. Nothing happens when it is not on it.',
      params: MemberParamsSchema,
      querystring: ChangeQuerySchema,
      answers: { 200: { ...CHANGED, example: { ...CHANGED_EXAMPLE, added: 0, removed: 1, members: 2 } } },
      problems: [...CHANGE_PROBLEMS, 'invalid_member']
    })
  }, async ({ params: { route, list, id }, query, actor }) =>
    changed({ route, list }, await deps.lists.remove({ route, list }, id, { actor, reason: query.reason ?? '' })))
}

const ImportQuerySchema = Type.object({
  mode: Type.optional(Type.oneOf(['add', 'replace'], { default: 'add', description: '`replace`: who is not in the import is taken off the list.' })),
  reason: ReasonSchema
}, { additionalProperties: false })

const LinesSchema = Type.string({
  contentMediaType: LINES_TYPE, description: 'Lines of JSON, in UTF-8.', examples: ['"user-17"\n{"id":"user-4"}\n']
})

function importMembers (app: FastifyInstance, deps: AdminDeps): void {
  let isRunning = false
  app.post<{ Params: ListParams, Querystring: Static<typeof ImportQuerySchema> }>('/v1/routes/:route/lists/:list/import', {
    config: { access: 'operator', takesLines: true },
    schema: describeOperation({
      operationId: 'importMembers',
      tag: 'Lists',
      summary: 'Import many members',
      description: 'A line of JSON for each member: a text, or an object with the text as `id`. All of them are taken over in one step, or none: a bad line is named, and more members than a list may have are refused as soon as they are seen. One import runs at a time.',
      params: ListParamsSchema,
      querystring: ImportQuerySchema,
      consumes: [LINES_TYPE],
      body: LinesSchema,
      answers: { 200: { ...CHANGED, example: { ...CHANGED_EXAMPLE, added: 100_000, members: 100_002 } } },
      problems: [...CHANGE_PROBLEMS, 'invalid_import', 'list_full', 'too_many_imports']
    })
  }, async ({ params, query, actor, body }) => {
    if (!(body instanceof Readable)) throw new ProblemError('unsupported_media_type', { detail: `send Content-Type: ${LINES_TYPE}` })
    findList(deps, params)
    if (isRunning) throw new ProblemError('too_many_imports', { detail: 'each takes memory; try again when the other one is done' })
    isRunning = true
    try {
      const meta = { actor, reason: query.reason ?? '', replaces: query.mode === 'replace' }
      return changed(params, await deps.lists.import(params, piecesOf(body), meta))
    } finally {
      isRunning = false
    }
  })
}

/** A client that goes away in the middle has asked for nothing. */
async function * piecesOf (body: Readable): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of body) if (piece instanceof Uint8Array) yield piece
  } catch {
    throw new ProblemError('bad_request', { detail: 'the body has ended before its end; nothing was imported' })
  }
}

function findList (deps: AdminDeps, { route, list }: ListRef): ListState {
  const found = deps.lists.list({ route, list })
  if (found !== undefined) return found
  const lists = deps.lists.lists(route)
  if (lists === undefined) throw unknownRoute()
  throw new ProblemError('unknown_list', { detail: noSuchList(list, lists.map(({ spec }) => spec.name)) })
}

function changed ({ route, list }: ListRef, result: ListResult): Changed {
  if (!result.ok) {
    const { code, message } = result
    throw new ProblemError(code, { detail: code === 'store_failed' ? withoutPaths(message) : message })
  }
  const { added, removed, members } = result
  return { route, list, changed: added + removed > 0, added, removed, members }
}

function describeList ({ spec: { name, version, by, field }, members, maxMembers }: ListState): Static<typeof ListSchema> {
  return { name, version, by, ...(by === 'client-ip' ? {} : { [by]: field }), members: members.size, maxMembers }
}
