import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

const MAX_NAME_LENGTH = 253
const INSTANCE_BYTES = 6

/** What people call this replica: `replicas.name`, by default the host name, which in Kubernetes is that of the pod. */
export function replicaName (configured: string | undefined): string {
  return configured ?? hostname().slice(0, MAX_NAME_LENGTH)
}

/** A text that no other process has: at most ten characters of base 36. */
export function instanceId (): string {
  return randomBytes(INSTANCE_BYTES).readUIntBE(0, INSTANCE_BYTES).toString(36)
}
