import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import { mirrorOfStep } from '../../../src/contract/mirror-spec.ts'
import { mirrorSpec } from '../../../src/routes/configured-options.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

t.test('a step of a rollout mirrors as the file says, and by the defaults of the configuration where it says nothing', async t => {
  const file = path.join(await temporaryDirectory(t), 'weir.yaml')
  await writeFile(file, `
listeners: [{ name: web, port: 8080 }]
routes:
  - name: a
    mirror: { to: canary }
    versions:
      - { name: stable, weight: 1, endpoints: { static: ['192.0.2.1:80'] } }
      - { name: canary, weight: 0, endpoints: { static: ['192.0.2.2:80'] } }
`)
  const { config } = await loadConfig({ file, env: {}, args: [] })
  const mirror = config.routes[0]?.mirror
  if (mirror === undefined) throw new Error('there is no mirror')
  t.strictSame(mirrorOfStep('canary', 100, null), mirrorSpec(mirror))
  t.match(mirrorOfStep('blue', 5, { ...mirrorSpec(mirror), cookies: true }), { to: 'blue', percent: 5, cookies: true })
})
