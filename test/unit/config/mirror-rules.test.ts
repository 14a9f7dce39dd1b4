import t from 'tap'
import { checkMirror } from '../../../src/config/mirror-rules.ts'
import type { RouteConfig } from '../../../src/config/schema.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

type Version = RouteConfig['versions'][number]
const version = (name: string, weight: number, endpoints: Version['endpoints'] = { static: [`192.0.2.${name.length}:80`] }): Version => ({ name, weight, endpoints })

function faults (mirror: Partial<NonNullable<RouteConfig['mirror']>>, versions = [version('stable', 1), version('canary', 0, { static: ['192.0.2.1:80'] })]): readonly string[] {
  const compare = { enabled: true, ignoreHeaders: [], body: true, ignoreJsonPaths: [], maxJsonBytes: 1, exampleBodyBytes: 0 }
  const whole: NonNullable<RouteConfig['mirror']> = {
    to: 'canary', percent: 1, maxBodyBytes: 1, maxAnswerBytes: 1, methods: 'safe', cookies: false, authorization: false, removeHeaders: [], timeout: '1s', compare, ...mirror
  }
  return checkMirror({ ...ROUTE_DEFAULTS, name: 'a', versions, mirror: whole }, ['mirror']).map(({ path, message }) => `${path.join('.')} ${message}`)
}

t.test('a mirror leads to another version, whose requests are not copied to itself', async t => {
  t.same(faults({}), [])
  t.match(faults({ to: 'blue' }), [/^mirror\.to is no version of the route; it has "stable", "canary"$/])
  t.match(faults({}, [version('canary', 1)]), [/only version/])
  t.match(faults({}, [version('stable', 0), version('canary', 1)]), [/serves all clients itself/])
  t.match(faults({ removeHeaders: ['x-key', 'Via'] }), [/^mirror\.removeHeaders\.1 can't be removed/])
  t.match(faults({ methods: 'all' }), [/placed twice/])
})

t.test('a version whose endpoints are all those of another one gets no copies', async t => {
  const service = { service: 'shop', port: 'http' }
  for (const [own, others, isTwin] of [
    [{ static: ['192.0.2.1:80'] }, { static: ['192.0.2.2:80', '192.0.2.1:80'] }, true],
    [{ static: ['192.0.2.1:80', '192.0.2.3:80'] }, { static: ['192.0.2.1:80'] }, false],
    [service, { ...service }, true],
    [service, { ...service, podLabels: { app: 'new' } }, false],
    [{ static: [] }, { static: ['192.0.2.1:80'] }, false]
  ] as const) {
    const found = faults({}, [version('stable', 1, others as Version['endpoints']), version('canary', 0, own as Version['endpoints'])])
    t.match(found, isTwin ? [/^mirror\.to has no endpoint that "stable" does not have/] : [], JSON.stringify(own))
    t.equal(found.length, isTwin ? 1 : 0)
  }
})
