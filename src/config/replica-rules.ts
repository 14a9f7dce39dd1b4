/**
 * The rules of several replicas: what has to be there together for them to find, ask and believe each other.
 */
import { CidrSet } from '../core/cidr-set.ts'
import { isLoopback } from '../core/socket-address.ts'
import { checkSlicePort } from './address-rules.ts'
import { fault, warning, type ConfigPath, type Finding } from './finding.ts'
import type { Config } from './schema.ts'

/** What only makes sense for replicas that find each other. */
const NEED_SERVICE = ['namespace', 'secretFile'] as const

/** What `replicas` needs beside it. It may hold nothing but a name. */
export function checkReplicas (config: Pick<Config, 'replicas' | 'state' | 'admin' | 'kubernetes'>): readonly Finding[] {
  const { replicas, state, admin, kubernetes } = config
  if (replicas === undefined) return []
  const at = (name: string): ConfigPath => ['replicas', name]
  if (replicas.service === undefined) {
    return NEED_SERVICE.filter(name => replicas[name] !== undefined)
      .map(name => fault(at(name), 'is not used: with it, name the headless Service of the replicas in `replicas.service`'))
  }
  const findings: Finding[] = []
  if (state.store !== 'kubernetes') {
    findings.push(fault(at('service'), `needs \`state.store: kubernetes\`: with \`${state.store}\` each replica has weights of its own, and there is nothing that all of them could apply`))
  }
  if (replicas.secretFile === undefined) {
    findings.push(fault(at('service'), 'needs `replicas.secretFile`: replicas believe only who proves to know their secret'))
  }
  findings.push(...checkSlicePort(replicas.port, at('port')))
  // Who allows such endpoints has all replicas on one machine.
  if (isLoopback(admin.address) && !new CidrSet(kubernetes.allowAddresses).has(admin.address)) {
    findings.push(warning(['admin', 'address'], 'is an address that only this machine reaches: the other replicas can\'t ask this one; use 0.0.0.0 or `::`, with admin.tokens'))
  }
  return findings
}
