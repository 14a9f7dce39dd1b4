/**
 * The lab's cluster on one machine: the double of the API server, and the controller whose pods are processes and whose slices it serves.
 */
import { freePort } from '../../../test/helpers/free-port.ts'
import { KubeApiServer } from '../../../test/helpers/kube-api-server.ts'
import type { LabCleanups } from './lab-cleanups.ts'
import { LabController, type LabEndpoint, type PodPlan, type StartPod } from './lab-controller.ts'
import type { ServiceManifest } from './lab-manifests.ts'
import { LabPods } from './lab-pod.ts'

/** Of deploy/examples/hello/lab/namespace.yaml. */
export const NAMESPACE = 'weir-lab'
/** Options of hello-server.ts that the lab's own environment may set: to see the lab fail. */
const PASSED_ON = ['HELLO_ERROR_RATE', 'HELLO_LATENCY_MS']

export interface LabCluster {
  readonly server: KubeApiServer
  readonly controller: LabController
}

export async function startCluster (cleanups: LabCleanups): Promise<LabCluster> {
  const server = await KubeApiServer.start()
  cleanups.teardown(async () => { await server.stop() })
  const port = await freePort()
  const environment = Object.fromEntries(PASSED_ON.flatMap(name => process.env[name] === undefined ? [] : [[name, process.env[name]]]))
  const pods = new LabPods({ port, environment })
  cleanups.teardown(async () => { await pods.close() })
  const published = new Set<string>()
  const publish = ({ name: service, port: portName }: ServiceManifest, endpoints: readonly LabEndpoint[]): void => {
    const slice = { name: `${service}-lab`, namespace: NAMESPACE, service, endpoints, ports: [{ name: portName, protocol: 'TCP', port }] }
    if (published.has(service)) server.patchSlice(slice)
    else server.createSlice(slice)
    published.add(service)
  }
  const publishPod = ({ name, uid, labels }: PodPlan, state: 'there' | 'gone'): void => {
    if (state === 'there') server.pods.create({ name, namespace: NAMESPACE, uid, labels })
    else server.pods.delete(name, NAMESPACE)
  }
  const startPod: StartPod = (plan, events) => pods.start(plan, events)
  const controller = new LabController({ namespace: NAMESPACE, startPod, publishPod, publish, addressOf: podAddress })
  return { server, controller }
}

/** As if a pod network were 127.1.0.0/16. */
function podAddress (number: number): string {
  return `127.1.${number >> 7}.${1 + number % 128}`
}
