/**
 * What a kubeconfig names may be anything: nothing of it is waited for.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CredentialPlugins } from '../../../src/kube/credential-plugin.ts'
import { defaultKubeconfigs, loadKubeCredentials } from '../../../src/kube/kube-credentials.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

async function refusal (kubeconfig: string): Promise<string> {
  const loading = loadKubeCredentials({ kubeconfig, plugins: new CredentialPlugins(new FakeClock()) })
  return await loading.then(() => 'accepted', (error: unknown) => error instanceof Error ? error.message : String(error))
}

/** A directory with a named pipe, a directory, and a kubeconfig whose cluster and user have something more. */
async function files (t: Test) {
  const directory = t.testdir({})
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe], { env: childEnvironment() })
  await mkdir(join(directory, 'dir'))
  const path = join(directory, 'kubeconfig')
  return {
    pipe,
    directory,
    refusalWith: async (more: { readonly cluster?: object, readonly user?: object }) => {
      await writeFile(path, JSON.stringify({
        clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1', ...more.cluster } }],
        users: [{ name: 'u', user: { ...more.user } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x'
      }))
      return await refusal(path)
    }
  }
}

t.test('a kubeconfig that is a named pipe or a directory', async t => {
  const { pipe, directory } = await files(t)
  t.match(await refusal(pipe), `can't read ${pipe}: it is not a regular file`)
  t.match(await refusal(join(directory, 'dir')), /dir: it is not a regular file/)
})

t.test('what it names: authorities, certificate, key, token', async t => {
  const { refusalWith } = await files(t)
  t.equal(await refusalWith({}), 'accepted')
  for (const more of [
    { cluster: { 'certificate-authority': 'pipe' } }, { user: { 'client-certificate': 'pipe' } }, { user: { 'client-key': './pipe' } },
    { cluster: { 'certificate-authority': 'dir' } }
  ]) t.match(await refusalWith(more), /can't read a file that the kubeconfig names: .*(pipe|dir) is not a regular file/)
  t.match(await refusalWith({ cluster: { 'certificate-authority': 'gone' } }), /gone does not exist/)
})

t.test('a token file is looked at before the library opens it', async t => {
  const { pipe, refusalWith } = await files(t)
  t.match(await refusalWith({ user: { 'token-file': pipe } }), `${pipe} is not a regular file`)
  t.match(await refusalWith({ user: { 'auth-provider': { name: 'x', config: { tokenFile: pipe } } } }), `${pipe} is not a regular file`)
})

t.test('where a kubeconfig is looked for', async t => {
  t.same(defaultKubeconfigs({ KUBECONFIG: '/a:/b:' }), ['/a', '/b'])
  t.same(defaultKubeconfigs({ HOME: '/h' }), ['/h/.kube/config'])
})
