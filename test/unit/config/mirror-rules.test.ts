import t from 'tap'
import { checkMirror } from '../../../src/config/mirror-rules.ts'
import type { RouteConfig } from '../../../src/config/schema.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

const version = (name: string, weight: number): RouteConfig['versions'][number] => ({ name, weight, endpoints: { static: ['192.0.2.1:80'] } })

function faults (mirror: Partial<NonNullable<RouteConfig['mirror']>>, versions = [version('stable', 1), version('canary', 0)]): readonly string[] {
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
