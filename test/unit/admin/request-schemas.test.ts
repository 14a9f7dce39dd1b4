import t from 'tap'
import type { AdminDeps } from '../../../src/admin/admin-deps.ts'
import { createAdminServer, registerResources } from '../../../src/admin/admin-server.ts'
import { TokenBook } from '../../../src/admin/token-book.ts'
import { createValidatorCompiler } from '../../../src/admin/validator-compiler.ts'
import { EventBook } from '../../../src/control/event-book.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'

const unused = (): never => { throw new Error('nothing is asked here') }

t.test('the schema of every part of every request compiles, though only the first request would do it', async t => {
  const log = new ListLog()
  const clock = new FakeClock()
  const deps: AdminDeps = {
    clock,
    log,
    tokens: new TokenBook([], clock, log),
    traffic: { route: unused, routes: unused, change: unused },
    rollouts: { start: unused, act: unused, status: unused, verdict: unused, report: unused },
    webhooks: () => [],
    events: new EventBook('test', clock),
    lists: { lists: unused, list: unused, kept: unused, add: unused, remove: unused, import: unused },
    stopping: new AbortController().signal,
    details: unused,
    usedEndpoints: unused,
    drain: unused,
    shadow: { status: unused, examples: unused, forgetExamples: unused },
    replicas: { list: unused, others: undefined },
    readiness: unused,
    state: unused,
    metrics: unused,
    explain: unused,
    explainRequest: unused,
    plan: unused,
    clients: unused
  }
  const app = createAdminServer({ log, clock })
  t.teardown(async () => { await app.close() })
  const compile = createValidatorCompiler()
  const seen: string[] = []
  app.addHook('onRoute', ({ schema, method, url }) => {
    const { params, querystring, headers, body } = schema ?? {}
    for (const [httpPart, part] of Object.entries({ params, querystring, headers, body })) {
      if (typeof part !== 'object' || part === null) continue
      const name = `${String(method)} ${url} ${httpPart}`
      seen.push(name)
      t.doesNotThrow(() => { compile({ schema: part, method: String(method), url, httpPart })({}) }, name)
    }
  })
  registerResources(app, deps)
  await app.ready()
  t.ok(seen.includes('PUT /v1/routes/:route/weights body'), seen.join('\n'))
})

t.test('a schema that does not compile fails the first request that needs it', async t => {
  const validate = createValidatorCompiler()({ schema: { type: 'object', propertys: {} }, method: 'PUT', url: '/', httpPart: 'body' })
  t.throws(() => { validate({}) }, /propertys/)
})

t.test('each answer has its own faults', async t => {
  const validate = createValidatorCompiler()({ schema: { type: 'object', required: ['a'], properties: { a: {} } }, method: 'PUT', url: '/', httpPart: 'body' })
  t.equal(validate({}), false)
  t.match(validate.errors, [{ keyword: 'required' }])
  t.equal(validate({ a: 1 }), true)
  t.equal(validate.errors, null)
})
