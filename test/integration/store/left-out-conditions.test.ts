import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import { createTrafficCodec } from '../../../src/rollout/traffic-codec.ts'
import { openStore } from '../../../src/runtime/open-at-start.ts'
import { sealStateEnvelope } from '../../../src/store/file-store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { after, headerMatch, pauseFor, planOf, routeOf, setMatch, start } from '../../helpers/rollout-events.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

t.test('a start keeps a state whose rollout has a condition that is refused now, and says once what it has left out', async t => {
  const path = join(await temporaryDirectory(t), 'state.json')
  const route = after(routeOf({ stable: 100, canary: 0 }), start(planOf([setMatch(headerMatch('x-beta', '1')), pauseFor(null)])))
  const sealed = sealStateEnvelope(createTrafficCodec(), { value: { routes: new Map([['hello', route]]), epochFloor: 0 }, version: '7' })
  await writeFile(path, sealed.replaceAll('"x-beta"', '"x-weir-version"'))
  const log = new ListLog()
  const text = JSON.stringify({
    listeners: [{ name: 'web', port: 8080 }],
    state: { store: 'file', path },
    routes: [{ name: 'hello', versions: [{ name: 'stable', weight: 1, endpoints: { static: ['127.0.0.1:1'] } }] }]
  })
  const { config } = await loadConfig({ file: undefined, text: { name: 'test', bytes: Buffer.from(text) }, env: {}, args: [] })
  const store = await openStore(config, { clock: new FakeClock(), log, metrics: { stateRefused: () => {} } })
  t.match((await store.read()).value.routes.get('hello'), { epoch: route.epoch, weights: route.weights, rollout: { phase: 'Paused', match: null } })
  t.match(log.at('warn'), [{ message: /^a condition of a stored rollout is left out/, fields: { place: 'value.routes.hello.rollout.plan.steps[0].match.match[0]' } }, { fields: { place: 'value.routes.hello.rollout.match.match[0]' } }])
  t.match(await readFile(path, 'utf8'), /x-weir-version/, 'the next change writes it without')
  t.same(log.at('error'), [])
  await store.close()
})
