/**
 * A Kubernetes API with one Service of many endpoints, for `npm run bench:control`. Arguments: slices, endpoints in each, the file for
 * the kubeconfig. It prints `ready`. A line `COUNT RATE` on standard input makes so many updates, so many a second: a pod turns
 * unready, the one after it ready again. Then it prints `done`.
 */
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { KubeApiServer } from '../../test/helpers/kube-api-server.ts'

const [slices = 0, perSlice = 0] = process.argv.slice(2, 4).map(Number)
const kubeconfig = process.argv[4] ?? ''

/** As the EndpointSlice controller writes them. */
function endpointsOf (slice: number, unready: number): readonly unknown[] {
  return Array.from({ length: perSlice }, (_, pod) => ({
    addresses: [`10.${128 + (slice >> 8)}.${slice & 255}.${pod + 1}`],
    conditions: { ready: pod !== unready, serving: pod !== unready, terminating: false },
    nodeName: `node-${pod}`,
    targetRef: { kind: 'Pod', name: `big-7d9c5b8f6c-${slice}-${pod}`, namespace: 'default', uid: `4f1c2a7e-0000-4000-8000-${String(slice * 1_000 + pod).padStart(12, '0')}` },
    zone: 'zone-a'
  }))
}

const server = await KubeApiServer.start()
for (let slice = 0; slice < slices; slice++) server.createSlice({ name: `big-${slice}`, service: 'big', endpoints: endpointsOf(slice, -1) })
writeFileSync(kubeconfig, server.kubeconfig())
console.log('ready')

let update = 0
for await (const line of createInterface({ input: process.stdin })) {
  const [count = 0, rate = 1] = line.split(' ').map(Number)
  const startedMs = performance.now()
  for (let made = 0; made < count; made++, update++) {
    await sleep(Math.max(0, startedMs + made * 1_000 / rate - performance.now()))
    // Each slice in turn, and in each one pod after the other.
    const slice = update % slices
    server.patchSlice({ name: `big-${slice}`, endpoints: endpointsOf(slice, Math.floor(update / slices) % perSlice) })
  }
  console.log('done')
}
await server.stop()
