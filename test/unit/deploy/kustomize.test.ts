import { spawnSync } from 'node:child_process'
import path from 'node:path'
import t from 'tap'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { buildOverlay } from './kustomize.ts'
import { at, DEPLOY, OVERLAYS, parseManifests } from './manifests.ts'

const kubectl = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore', env: childEnvironment() }).status === 0

/** Objects by kind and name; the hash of a generated name is taken away. */
function byName (objects: readonly unknown[]): Record<string, unknown> {
  const plain: unknown = JSON.parse(JSON.stringify(objects).replaceAll(/(hello-server)-[a-z0-9]{10}"/g, '$1"'))
  return Object.fromEntries((Array.isArray(plain) ? plain : []).map((object: unknown) => [`${String(at(object, 'kind'))} ${String(at(object, 'metadata.name'))}`, object]))
}

for (const folder of OVERLAYS) {
  t.test(`${folder} is to the tests what it is to kubectl`, { skip: kubectl ? false : 'kubectl is not installed' }, async t => {
    const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', path.join(DEPLOY, folder)], { encoding: 'utf8', env: childEnvironment() })
    t.equal(status, 0, stderr)
    t.equal(stderr, '', 'without a warning')
    t.strictSame(byName(buildOverlay(folder)), byName(parseManifests(stdout, folder)))
  })
}
