/**
 * `weir run --quick 'stable=localhost:3000*90,canary=localhost:3001*10'`: a split without a file.
 */
import type { ConfigText } from '../config/load.ts'
import { NAME_PATTERN, PATTERN_TEXTS } from '../config/patterns.ts'
import type { Config } from '../config/schema.ts'
import { parseTarget } from '../core/socket-address.ts'
import { MAX_WEIGHT, MIN_WEIGHT } from '../contract/route-spec.ts'

/** What stands behind --quick and --port. */
export interface QuickOptions {
  readonly split: string
  readonly port: string
}

export const DEFAULT_QUICK_PORT = '8080'

const LOOPBACK = '127.0.0.1'
const USAGE = '--quick takes versions such as \'stable=localhost:3000*90,canary=localhost:3001*10\': name=host:port*weight, the weight 1 without one'

/** The configuration that they stand for; or what is wrong with them, in one line. */
export function quickConfig ({ split, port }: QuickOptions): ConfigText | { readonly fault: string } {
  if (!/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65_535) return { fault: `--port needs a number from 1 to 65535, not ${JSON.stringify(port.slice(0, 40))}` }
  try {
    const versions = split.split(',').map(part => readVersion(part.trim()))
    const names = versions.map(({ name }) => name)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) return { fault: `--quick names the version "${twice}" twice` }
    const config = { listeners: [{ name: 'web', address: LOOPBACK, port: Number(port) }], routes: [{ name: 'quick', versions }] }
    return { bytes: Buffer.from(JSON.stringify(config)), name: 'flag --quick', introduce, portOption: '--port' }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { fault: error.message }
  }
}

/** @throws RangeError with the remedy */
function readVersion (
  text: string
): { readonly name: string, readonly weight: number, readonly endpoints: { readonly static: readonly string[] } } {
  const match = /^([^=]+)=([^*]+)(?:\*(.+))?$/.exec(text)
  if (match === null) throw new RangeError(`${USAGE}; ${JSON.stringify(text.slice(0, 80))} is none`)
  const [, name = '', target = '', weightText = '1'] = match
  if (!new RegExp(NAME_PATTERN).test(name)) throw new RangeError(`--quick: ${JSON.stringify(name.slice(0, 80))} must be ${PATTERN_TEXTS.get(NAME_PATTERN) ?? 'a name'}`)
  parseTarget(target)
  const weight = /^[0-9]{1,7}(\.[0-9]{1,6})?$/.test(weightText) ? Number(weightText) : NaN
  if (!(weight === 0 || (weight >= MIN_WEIGHT && weight <= MAX_WEIGHT))) {
    throw new RangeError(`--quick: the weight of "${name}" must be a number from 0 to ${MAX_WEIGHT}, not ${JSON.stringify(weightText.slice(0, 40))}`)
  }
  return { name, weight, endpoints: { static: [target] } }
}

/** What to try, once it runs. */
function introduce ({ listeners, admin, routes }: Config): string {
  const proxy = `http://${LOOPBACK}:${listeners[0]?.port ?? 0}/`
  const route = `http://${LOOPBACK}:${admin.port}/v1/routes/quick`
  const even = Object.fromEntries((routes[0]?.versions ?? []).map(({ name }) => [name, 1]))
  return `Weir is ready.
  proxy   ${proxy}
  admin   ${route}

Try this in another terminal:

  curl ${proxy}
  # Give all versions the same weight. It takes effect at once, and is forgotten when Weir ends.
  curl -X PUT ${route}/weights -H 'content-type: application/json' -d '${JSON.stringify({ weights: even })}'

Ctrl-C stops it.
`
}
