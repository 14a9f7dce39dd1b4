/** `weir rollout` and its kind against a Weir that runs, with its engine. */
import { readFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import t from 'tap'
import { startOrigins } from '../../helpers/origins.ts'
import { commandOf } from '../../helpers/weir-command.ts'
import { eventually, startWeir } from '../../helpers/weir-process.ts'

const document: object = Object(JSON.parse(await readFile(new URL('../../../src/admin/openapi.json', import.meta.url), 'utf8')))

/** What of an answer does not fit the document of the API. */
function faultsOf (path: string, answer: unknown): readonly object[] {
  const ajv = new Ajv({ strict: false, allErrors: true })
  ajv.addSchema({ $id: 'doc', ...document })
  const pointer = ['paths', path, 'get', 'responses', '200', 'content', 'application/json', 'schema']
    .map(part => encodeURIComponent(part.replaceAll('/', '~1'))).join('/')
  const validate = ajv.compile({ $ref: `doc#/${pointer}` })
  return validate(answer) ? [] : validate.errors ?? []
}

t.test('a rollout is started, seen, promoted, aborted and begun again, each with its exit code', async t => {
  const [stable, canary] = await startOrigins(t, ['stable', 'canary'])
  const weir = await startWeir(t, {
    config: () => ({
      workers: 1,
      routes: [{
        name: 'hello',
        rollout: { to: 'canary', steps: [{ setWeight: 10 }, { pause: {} }, { setWeight: 50 }] },
        versions: [
          { name: 'stable', weight: 100, endpoints: { static: [stable.endpoint] } }, { name: 'canary', weight: 0, endpoints: { static: [canary.endpoint] } }
        ]
      }]
    })
  })
  const run = commandOf(weir)
  t.match(await run('rollout', 'status', 'hello'), { code: 1, stderr: 'weir rollout status: the route has no rollout; weir rollout start begins one\n' })
  t.match(await run('rollout', 'start', 'hello', '--to', 'green', '--steps', '10, 5'), { code: 2, stdout: '', stderr: /the plan can't work:\n {2}to: .*"green"\n {2}steps\[1\]\.setWeight: .*5 %/ })
  t.match(await run('rollout', 'start', 'hello', '-r', 'release 2'), { code: 0, stderr: '', stdout: /^hello: (Progressing|Paused), .*; stable 90, canary 10 \(epoch 2\), applied by 1 of 1 workers/ })
  await eventually(async () => (await run('rollout', 'status', 'hello', '--watch=false')).stdout.startsWith('hello   Paused, step 2 of 3: pause') || undefined)
  const [again, status, list, waiting, verdict] = await Promise.all([
    run('rollout', 'start', 'hello'),
    run('rollout', 'status', 'hello', '--watch=false'),
    run('status'),
    run('rollout', 'status', 'hello', '--timeout', '10ms'),
    run('verdict', 'hello', '-o', 'json')
  ])
  for (const [path, below] of [['/v1/routes', ''], ['/v1/routes/{route}', '/hello'], ['/v1/routes/{route}/rollout', '/hello/rollout'], ['/v1/routes/{route}/verdict', '/hello/verdict']] as const) {
    t.same(faultsOf(path, (await weir.api('GET', `/v1/routes${below}`)).body), [], `${path} is as the document says`)
  }
  t.match(again, { code: 1, stderr: /possible now: .*weir rollout abort/ })
  t.match(status, { code: 0, stdout: /✓ +1 +weight 10 %[^]*▶ +2 +pause[^]*next: weir rollout resume hello/ })
  t.match(list, { code: 0, stdout: /hello +stable +90 .*Paused, step 2 of 3: pause/ })
  t.match(waiting, { code: 3, stdout: /Paused/ })
  t.match(verdict, { code: 3, stdout: /"verdict": "undecided"/ })
  t.match(await run('rollout', 'promote', 'hello', '--if-epoch', '1'), { code: 1, stderr: /it is at epoch 2/ })
  t.match(await run('rollout', 'promote', 'hello', '--full', '-r', 'it is fine'), { code: 0, stdout: /stable 0, canary 100 \(epoch 3\)/ })
  t.match(await run('rollout', 'abort', 'hello', '-r', 'it is not'), { code: 0, stdout: /^hello: Aborted; stable 100, canary 0 \(epoch 4\)[^]*next: weir rollout retry hello/ })
  t.match(await run('rollout', 'status', 'hello'), { code: 4, stdout: /Aborted[^]*it is not/ })
  t.match(await run('rollout', 'pause', 'hello'), { code: 1, stderr: /possible now: .*weir rollout retry/ })
  t.match(await run('rollout', 'retry', 'hello'), { code: 0, stdout: /stable 90, canary 10 \(epoch 5\)/ })
  const history = await run('history', 'hello', '-o', 'wide')
  t.match(history.stdout, /rollout +api .*stable=0 canary=100 +it is fine\n/)
  t.match(history.stdout, /rollout +api .*stable=100 canary=0 +it is not\n/)
  t.match(await run('complete', '--', 'rollout', 'start', 'hello', '--to', ''), { stdout: 'stable\ncanary\n' })
  t.equal(await weir.stop(), 0)
})
