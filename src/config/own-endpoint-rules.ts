/**
 * The rule that no endpoint leads back to Weir itself: requests to it would go round until something runs out.
 */
import { isLocalName } from '../core/ip.ts'
import { OwnPorts } from '../core/own-ports.ts'
import { parseTarget, type Target } from '../core/socket-address.ts'
import type { ConfigPath } from './config-path.ts'
import { fault, type Finding } from './finding.ts'
import type { Config } from './schema.ts'

/**
 * Where a Weir with this configuration listens.
 * @param readMachine the addresses of the machine that it is for
 */
export function ownPortsOf ({ listeners, admin }: Pick<Config, 'listeners' | 'admin'>, readMachine?: () => readonly string[]): OwnPorts {
  return new OwnPorts([
    ...listeners.map(({ address, port }, index) => ({ name: `listeners[${index}]`, address, port })),
    { name: 'the admin API', address: admin.address, port: admin.port },
    ...(admin.probes === undefined ? [] : [{ name: 'admin.probes', address: admin.probes.address, port: admin.probes.port }])
  ], readMachine)
}

/**
 * A fault for each static endpoint at which Weir itself would answer.
 * @param isBroken tells the paths with a fault, which are left alone
 */
export function findOwnEndpoints (
  routes: Config['routes'], ownPorts: OwnPorts, isBroken: (path: ConfigPath) => boolean
): readonly Finding[] {
  const findings: Finding[] = []
  for (const [routeIndex, route] of routes.entries()) {
    if (isBroken(['routes', routeIndex])) continue
    for (const [index, { endpoints }] of route.versions.entries()) {
      const texts = 'static' in endpoints ? endpoints.static : 'dns' in endpoints ? [endpoints.dns] : []
      const path = ['routes', routeIndex, 'versions', index, 'endpoints']
      for (const [place, text] of texts.entries()) {
        const own = ownerOf(text, ownPorts)
        if (own === undefined) continue
        findings.push(fault('static' in endpoints ? [...path, 'static', place] : [...path, 'dns'],
          `is where Weir itself listens (${own}): requests would go round; name the address and port of the application, or let Weir listen on another port`))
      }
    }
  }
  return findings
}

function ownerOf (text: string, ownPorts: OwnPorts): string | undefined {
  const target = readable(text)
  if (target === undefined) return undefined
  // What other names mean is known when they have been looked up.
  return ownPorts.at(target.isName ? (isLocalName(target.host) ? '127.0.0.1' : '') : target.host, target.port)
}

/** Undefined for what another rule refuses. */
function readable (text: string): Target | undefined {
  try {
    return parseTarget(text)
  } catch {
    return undefined
  }
}
