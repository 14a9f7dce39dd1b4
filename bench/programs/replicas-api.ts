/**
 * A Kubernetes API in which replicas of Weir find each other and keep their weights, for `npm run bench:replicas`. Argument: the file for
 * the kubeconfig. It prints `ready`. A line `NAME PORT` on standard input names a replica with its admin port; it prints `named`.
 */
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { KubeApiServer } from '../../test/helpers/kube-api-server.ts'

const kubeconfig = process.argv[2] ?? ''

const server = await KubeApiServer.start()
writeFileSync(kubeconfig, server.kubeconfig())
console.log('ready')

for await (const line of createInterface({ input: process.stdin })) {
  const [name = '', port = ''] = line.split(' ')
  const ports = [{ name: 'admin', protocol: 'TCP', port: Number(port) }]
  server.createSlice({ name, service: 'weir-replicas', endpoints: ['127.0.0.1'], ports })
  console.log('named')
}
await server.stop()
