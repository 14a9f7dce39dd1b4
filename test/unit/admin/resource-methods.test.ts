import fastify, { type FastifyRequest } from 'fastify'
import t from 'tap'
import { ResourceMethods } from '../../../src/admin/resource-methods.ts'

t.test('a request to no resource is looked up once, however many ask', async t => {
  const app = fastify()
  const methods = new ResourceMethods(app)
  app.get('/v1/routes/:route', () => '')
  let looked = 0
  const request = (is404: boolean, path: string): FastifyRequest => ({
    is404,
    get url () {
      looked++
      return path
    }
  }) as unknown as FastifyRequest // all that is read of it
  const known = request(true, '/v1/routes/hello?x=1')
  t.match(methods.at(known), { allow: /^GET, (HEAD, )?OPTIONS$/, isPublic: false })
  t.equal(methods.at(known), methods.at(known))
  t.equal(looked, 1)
  const unknown = request(true, '/nowhere')
  t.same([methods.at(unknown), methods.at(unknown)], [undefined, undefined])
  t.equal(looked, 2)
  t.equal(methods.at(request(false, '/v1/routes/hello')), undefined)
  t.equal(looked, 2)
  await app.close()
})
