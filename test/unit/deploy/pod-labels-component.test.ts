import t from 'tap'
import { parse } from 'yaml'
import { chartObjects, valuesOf } from './chart.ts'
import { at, findObject, listAt, readManifests } from './manifests.ts'

const PODS = { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }
const [kustomization] = readManifests('components/pod-labels/kustomization.yaml')
const role = findObject(readManifests('base/rbac.yaml'), 'Role', 'weir')

t.test('the component adds pods to the Role of the base, which has none of its own', async t => {
  const [patch, ...others] = listAt(kustomization, 'patches')
  t.same(others, [])
  t.same(at(patch, 'target'), { kind: 'Role', name: 'weir' })
  t.same(parse(String(at(patch, 'patch'))), [{ op: 'add', path: '/rules/-', value: PODS }])
  t.same(listAt(role, 'rules').flatMap(rule => listAt(rule, 'resources')), ['endpointslices'])
})

t.test('the chart adds the same to each of its Roles, when it is told to', async t => {
  const roles = (podLabels: boolean): ReadonlyArray<readonly unknown[]> =>
    chartObjects(valuesOf([], { podLabels, namespaces: ['lab'] }), 'weir').filter(each => at(each, 'kind') === 'Role').map(each => listAt(each, 'rules'))
  t.equal(roles(true).length, 2)
  t.same(roles(true), roles(false).map(rules => [...rules, PODS]))
})
