import t from 'tap'
import { withoutPaths } from '../../../src/core/without-paths.ts'
import { cpuMsOf } from '../../helpers/count-work.ts'

t.test('no path of a file is left of what the system, a library or a plugin says', async t => {
  for (const [text, left] of [
    ['ENOENT: no such file or directory, open \'/etc/weir/my secrets/a\'', 'ENOENT: no such file or directory, open (a path)'],
    ['can\'t read /var/weir/.kube/config: it does not exist', 'can\'t read (a path): it does not exist'],
    ['can\'t read ../kube/config: /run/token is not a regular file', 'can\'t read (a path): (a path) is not a regular file'],
    ['the credential plugin /usr/local/bin/login ended with code 1: no cache (/tmp/cache)', 'the credential plugin (a path) ended with code 1: no cache ((a path))'],
    ['/run/token is empty; file=/run/token', '(a path) is empty; file=(a path)']
  ] as const) t.equal(withoutPaths(text), left)
})

t.test('what is no path stays', async t => {
  for (const text of [
    'connect ECONNREFUSED 10.0.0.1:443', 'https://api.example:6443/version answered 503', 'namespace "shop/team", 10.0.0.0/8 and fd00::/8', 'and/or, 1 / 2',
    'Service "weir-replicas" in API group "discovery.k8s.io"; podLabels (deploy/components/pod-labels)', ''
  ]) t.equal(withoutPaths(text), text)
})

t.test('a long text takes no long time', async t => {
  for (const text of ['\'/'.repeat(20_000), '/'.repeat(40_000), ' /x'.repeat(20_000), '"./'.repeat(20_000)]) {
    const cpuMs = cpuMsOf(() => { withoutPaths(text) })
    t.ok(cpuMs < 2_000, `${cpuMs} ms`)
  }
})
