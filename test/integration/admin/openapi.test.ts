import { readFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import t from 'tap'
import { openapi } from '../../../scripts/generators/openapi.ts'
import { PROBLEMS } from '../../../src/admin/problem.ts'
import { adminFixture } from '../../helpers/admin-fixture.ts'
import { SAID } from '../../helpers/fake-rollouts.ts'

interface Answer { readonly description: string, readonly content?: Readonly<Record<string, { readonly example?: unknown, readonly examples?: Readonly<Record<string, { readonly value: unknown }>> }>> }
interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly security: readonly object[]
  readonly parameters?: readonly { readonly name: string, readonly in: string, readonly description?: string }[]
  readonly requestBody?: { readonly required: boolean, readonly content: Readonly<Record<string, { readonly example?: unknown, readonly examples?: unknown }>> }
  readonly responses: Readonly<Record<string, Answer>>
}
interface Document { readonly openapi: string, readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> }

const host = { host: 'localhost' }
const text = await readFile(new URL('../../../src/admin/openapi.json', import.meta.url), 'utf8')
// The shape is what this test is about: a document of another shape fails it.
const document = JSON.parse(text) as Document
const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))

/** Does `value` fit the schema that the document has for an answer? */
function faultsOf (path: string, method: string, status: number, mediaType: string, value: unknown): unknown {
  const ajv = new Ajv({ strict: false, allErrors: true })
  ajv.addSchema({ $id: 'doc', ...document })
  const pointer = ['paths', path, method, 'responses', String(status), 'content', mediaType, 'schema']
    .map(part => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
    .join('/')
  const validate = ajv.compile({ $ref: `doc#/${pointer}` })
  return validate(value) ? null : validate.errors
}

t.test('the document is as the code makes it', async t => {
  t.equal(text, await openapi.content(), 'run `npm run generate`')
})

t.test('Weir serves the document', async t => {
  const { app } = await adminFixture()
  t.same((await app.inject({ url: '/openapi.json', headers: host })).json(), document)
})

t.test('every route of the API is in the document, and nothing else', async t => {
  const { app } = await adminFixture()
  await app.ready()
  for (const { path, method } of operations) {
    t.ok(app.hasRoute({ method: method.toUpperCase(), url: path.replaceAll(/\{(\w+)\}/g, ':$1') }), `${method} ${path}`)
  }
  const other = []
  for (const { path } of operations) {
    const url = path.replace('{route}', 'hello')
    const { allow = '' } = (await app.inject({ method: 'OPTIONS', url, headers: host })).headers
    const documented = Object.keys(document.paths[path] ?? {}).map(method => method.toUpperCase())
    other.push(...String(allow).split(', ').filter(method => method !== 'HEAD' && method !== 'OPTIONS' && !documented.includes(method)))
  }
  t.same(other, [])
  t.equal(operations.length, 39)
})

t.test('every operation says what it does, who may use it, what it takes and what it answers', async t => {
  t.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length)
  for (const { path, method, operation } of operations) {
    const what = `${method} ${path}`
    t.match(operation, { summary: /\w/, description: /\w.*\.$/ }, what)
    t.equal(operation.security.length, path === '/healthz' || path === '/readyz' ? 0 : 1, what)
    t.same((operation.parameters ?? []).filter(({ description }) => description === undefined), [], what)
    t.equal(operation.requestBody === undefined, method === 'get' || method === 'delete' || path.endsWith('/members/{id}'), what)
    t.ok(
      operation.requestBody === undefined || Object.values(operation.requestBody.content).every(body => body.example ?? body.examples),
      what
    )
    t.ok('200' in operation.responses && '500' in operation.responses, what)
    t.equal('401' in operation.responses, operation.security.length > 0, what)
  }
})

t.test('every example fits its own schema', async t => {
  for (const { path, method, operation } of operations) {
    for (const [status, answer] of Object.entries(operation.responses)) {
      for (const [mediaType, { example, examples }] of Object.entries(answer.content ?? {})) {
        const values = examples === undefined ? [example] : Object.values(examples).map(({ value }) => value)
        for (const value of values) {
          t.not(value, undefined, `${method} ${path} ${status} has an example`)
          t.equal(faultsOf(path, method, Number(status), mediaType, value), null, `${method} ${path} ${status}`)
        }
      }
    }
  }
})

const METHODS = { get: 'GET', put: 'PUT', post: 'POST', delete: 'DELETE' } as const

t.test('what is really answered fits the document', async t => {
  const { app, rollouts } = await adminFixture()
  rollouts.said = SAID
  const asks = [
    ['get', '/', '/'], ['get', '/healthz', '/healthz'], ['get', '/readyz', '/readyz'], ['get', '/v1/routes', '/v1/routes'], ['get', '/v1/routes/{route}', '/v1/routes/hello'],
    ['get', '/v1/routes/{route}', '/v1/routes/nope'], ['get', '/v1/routes/{route}/history', '/v1/routes/hello/history'], ['get', '/v1/routes/{route}/history', '/v1/routes/hello/history?limit=x'],
    ['get', '/v1/routes/{route}/explain', '/v1/routes/hello/explain?ip=::1'],
    ['get', '/v1/routes/{route}/versions/{version}/drain', '/v1/routes/hello/versions/canary/drain?wait=true'],
    ['get', '/v1/routes/{route}/versions/{version}/drain', '/v1/routes/hello/versions/green/drain'],
    ['get', '/v1/routes/{route}/versions/{version}/drain', '/v1/routes/hello/versions/canary/drain?timeout=51s'],
    ['get', '/v1/routes/{route}/shadow', '/v1/routes/hello/shadow'], ['get', '/v1/routes/{route}/shadow', '/v1/routes/nope/shadow'],
    ['get', '/v1/routes/{route}/shadow/examples', '/v1/routes/hello/shadow/examples'],
    ['delete', '/v1/routes/{route}/shadow/examples', '/v1/routes/hello/shadow/examples'],
    ['put', '/v1/routes/{route}/weights', '/v1/routes/hello/weights?wait=all', { weights: { stable: 1, canary: 1 } }],
    ['put', '/v1/routes/{route}/weights', '/v1/routes/hello/weights', { weights: { stable: 1 } }],
    ['put', '/v1/routes/{route}/weights', '/v1/routes/hello/weights', { weights: 1 }],
    ['post', '/v1/routes/{route}/switch', '/v1/routes/hello/switch', { to: 'canary' }], ['post', '/v1/routes/{route}/switch', '/v1/routes/hello/switch', { to: 'green' }],
    ['get', '/v1/routes/{route}/verdict', '/v1/routes/hello/verdict'], ['get', '/v1/routes/{route}/rollout', '/v1/routes/hello/rollout'],
    ['post', '/v1/routes/{route}/rollout/abort', '/v1/routes/hello/rollout/abort'], ['post', '/v1/routes/{route}/rollout', '/v1/routes/hello/rollout?wait=all', { to: 'canary' }],
    ['post', '/v1/routes/{route}/rollout', '/v1/routes/hello/rollout', {}], ['get', '/v1/routes', '/v1/routes'], ['get', '/v1/routes/{route}', '/v1/routes/hello'],
    ['get', '/v1/routes/{route}/rollout', '/v1/routes/hello/rollout'], ['get', '/v1/routes/{route}/verdict', '/v1/routes/hello/verdict'],
    ['post', '/v1/routes/{route}/verdict/{gate}', '/v1/routes/hello/verdict/rollout', {}], ['post', '/v1/routes/{route}/verdict/{gate}', '/v1/routes/hello/verdict/rollback', {}],
    ['post', '/v1/routes/{route}/rollout/pause', '/v1/routes/hello/rollout/pause'], ['post', '/v1/routes/{route}/rollout/promote', '/v1/routes/hello/rollout/promote', { full: true }],
    ['post', '/v1/routes/{route}/rollout/resume', '/v1/routes/hello/rollout/resume'],
    ['post', '/v1/routes/{route}/undo', '/v1/routes/hello/undo', {}], ['post', '/v1/routes/{route}/undo', '/v1/routes/hello/undo', { revision: 99 }]
  ] as const
  for (const [method, path, url, payload] of asks) {
    const answer = await app.inject({ method: METHODS[method], url, headers: host, ...(payload === undefined ? {} : { payload }) })
    const mediaType = String(answer.headers['content-type']).split(';')[0] ?? ''
    t.equal(faultsOf(path, method, answer.statusCode, mediaType, answer.json()), null, `${method} ${url} ${answer.statusCode}`)
  }
})

t.test('docs/admin-api.md has every operation and every error code, with its status', async t => {
  const page = await readFile(new URL('../../../docs/admin-api.md', import.meta.url), 'utf8')
  for (const { path, method } of operations) t.ok(page.includes(`${method.toUpperCase()} ${path}`), `${method} ${path}`)
  for (const [code, { status }] of Object.entries(PROBLEMS)) t.match(page, new RegExp(`\\| ${status} \\| \`${code}\` \\|`), code)
})
