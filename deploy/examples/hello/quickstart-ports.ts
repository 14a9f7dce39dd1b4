/**
 * The ports of the quickstart: those of config/weir.yaml, or others by flags and the environment, and what to say when they are taken.
 */
import { parseArgs } from 'node:util'
import { parseDocument } from 'yaml'
import { tryPort } from '../../../src/net/listen-error.ts'

const LOOPBACK = '127.0.0.1'
const LAST_PORT = 65_535
/** Ports up to here may need a privilege; others are looked for from 8,000 further on. */
const LAST_PRIVILEGED = 1_023
/** Ports that are tried, to name free ones. */
const SUGGESTION_TRIES = 200

// These agree with config/weir.yaml; test/unit/deploy/quickstart.test.ts holds them together.
export const PROXY_PORT = 8080
export const ADMIN_PORT = 9901
export const FIRST_ORIGIN_PORT = 9001
/** What each origin says it is, in the order of their ports. */
export const ORIGIN_VERSIONS = ['1.0.0', '1.0.0', '2.0.0', '2.0.0'] as const

export interface QuickstartPorts {
  readonly proxy: number
  readonly admin: number
  /** The first of those of the origins, which follow each other. */
  readonly origins: number
}

export const DEFAULT_PORTS: QuickstartPorts = { proxy: PROXY_PORT, admin: ADMIN_PORT, origins: FIRST_ORIGIN_PORT }

/** How each is chosen. The admin port's flag and variable are Weir's own. */
const OPTIONS = [
  { key: 'proxy', flag: 'port', env: 'QUICKSTART_PORT', what: 'the proxy', count: 1 },
  { key: 'admin', flag: 'admin-port', env: 'WEIR_ADMIN_PORT', what: 'the admin API', count: 1 },
  { key: 'origins', flag: 'origin-port', env: 'QUICKSTART_ORIGIN_PORT', what: 'an origin', count: ORIGIN_VERSIONS.length }
] as const

export interface QuickstartChoice {
  readonly ports: QuickstartPorts
  /** Flags for Weir. */
  readonly weirArgs: readonly string[]
}

/** An origin with its port. */
export interface QuickstartOrigin {
  readonly version: string
  readonly port: number
}

/** The origins of a choice of ports. */
export function originsAt ({ origins }: QuickstartPorts): readonly QuickstartOrigin[] {
  return ORIGIN_VERSIONS.map((version, index) => ({ version, port: origins + index }))
}

/**
 * Reads the ports that are chosen; the other arguments are Weir's.
 * @throws RangeError with the remedy, in one line
 */
export function choosePorts (args: readonly string[], env: Readonly<Record<string, string | undefined>>): QuickstartChoice {
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries(OPTIONS.map(({ flag }) => [flag, { type: 'string' as const }]))
  })
  const own = new Set<number>()
  const given = new Map<string, string>()
  for (const token of tokens) {
    if (token.kind !== 'option' || !OPTIONS.some(({ flag }) => token.rawName === `--${flag}`)) continue
    given.set(token.name, token.value ?? '')
    own.add(token.index)
    if (token.inlineValue === false) own.add(token.index + 1)
  }
  const [proxy, admin, origins] = OPTIONS.map(({ key, flag, env: variable, count }) => {
    const text = given.get(flag)
    if (text !== undefined) return readPort(`--${flag}`, text, count)
    return env[variable] === undefined || env[variable] === '' ? DEFAULT_PORTS[key] : readPort(variable, env[variable], count)
  })
  const ports = { proxy: proxy ?? PROXY_PORT, admin: admin ?? ADMIN_PORT, origins: origins ?? FIRST_ORIGIN_PORT }
  const twice = findTwice(ports)
  if (twice !== undefined) {
    throw new RangeError(`port ${twice} is chosen twice; the proxy needs one (--port), the admin API another (--admin-port), the origins ${ORIGIN_VERSIONS.length} in a row (--origin-port)`)
  }
  return { ports, weirArgs: [...args.filter((_, index) => !own.has(index)), `--admin-port=${ports.admin}`] }
}

function readPort (option: string, text: string, count: number): number {
  const last = LAST_PORT - count + 1
  if (!/^[1-9][0-9]{0,4}$/.test(text) || Number(text) > last) {
    throw new RangeError(`${option} needs a number from 1 to ${last}, not ${JSON.stringify(text.slice(0, 40))}`)
  }
  return Number(text)
}

function all ({ proxy, admin, origins }: QuickstartPorts): readonly number[] {
  return [proxy, admin, ...ORIGIN_VERSIONS.map((_, index) => origins + index)]
}

function findTwice (ports: QuickstartPorts): number | undefined {
  return all(ports).find((port, index, list) => list.indexOf(port) !== index)
}

/** Which of the ports can't be opened, by any program at all. */
export async function findBusyPorts (ports: readonly number[]): Promise<number[]> {
  const busy = await Promise.all(ports.map(async port => await tryPort({ address: LOOPBACK, port }) === undefined ? [] : [port]))
  return busy.flat()
}

/**
 * What to tell the user about ports that can't be opened: which option chooses another, and a command that works now. Undefined when all
 * can.
 */
export async function explainBusyPorts (ports: QuickstartPorts): Promise<string | undefined> {
  const lines: string[] = []
  const chosen: string[] = []
  // What is suggested for one is not suggested for another.
  const named = new Set(all(ports))
  for (const { key, flag, what, count } of OPTIONS) {
    const wanted = Array.from({ length: count }, (_, index) => ports[key] + index)
    const faults = (await Promise.all(wanted.map(async port => ({ port, cause: await tryPort({ address: LOOPBACK, port }) }))))
      .filter(({ cause }) => cause !== undefined)
    lines.push(...faults.map(({ cause }) =>
      `quickstart: ${what} can't be opened: ${cause instanceof Error ? cause.message : String(cause)}. --${flag} chooses another port.`))
    if (faults.length > 0) {
      chosen.push(`--${flag} ${await findFree(ports[key], count, named) ?? 'PORT'}`)
    } else if (ports[key] !== DEFAULT_PORTS[key]) {
      chosen.push(`--${flag} ${ports[key]}`)
    }
  }
  if (lines.length === 0) return undefined
  return `${lines.join('\n')}\n\`ss -ltnp\` or \`lsof -iTCP -sTCP:LISTEN\` shows which programs have the ports. Stop them, or leave them alone:\n\n    npm start -- ${chosen.join(' ')}`
}

/** The first of so many free ports in a row; they are added to what is named. */
async function findFree (taken: number, count: number, named: Set<number>): Promise<number | undefined> {
  const from = taken > LAST_PRIVILEGED ? taken + 1 : taken + 8_000
  for (let first = from; first < from + SUGGESTION_TRIES && first + count - 1 <= LAST_PORT; first++) {
    const row = Array.from({ length: count }, (_, index) => first + index)
    if (row.some(port => named.has(port)) || (await findBusyPorts(row)).length > 0) continue
    for (const port of row) named.add(port)
    return first
  }
  return undefined
}

/** Is it what config/weir.yaml says? The admin port is given by a flag. */
export function needsOwnConfig ({ proxy, origins }: QuickstartPorts): boolean {
  return proxy !== PROXY_PORT || origins !== FIRST_ORIGIN_PORT
}

/** Where the configuration of other ports is written, and the weights are kept; so several quickstarts can run side by side. */
export function ownFiles ({ proxy }: QuickstartPorts): { readonly config: string, readonly state: string } {
  return { config: `.weir/quickstart-${proxy}.yaml`, state: proxy === PROXY_PORT ? './.weir/state.json' : `./.weir/state-${proxy}.json` }
}

/**
 * The quickstart's configuration with other ports, comments and all.
 * @param text of config/weir.yaml
 */
export function withPorts (text: string, ports: QuickstartPorts): string {
  const document = parseDocument(text)
  const endpoints = originsAt(ports).map(({ port }) => `${LOOPBACK}:${port}`)
  document.commentBefore = ' Made by the quickstart from config/weir.yaml, at every start with these ports.'
  document.setIn(['listeners', 0, 'port'], ports.proxy)
  document.setIn(['admin', 'port'], ports.admin)
  document.setIn(['state', 'path'], ownFiles(ports).state)
  document.setIn(['routes', 0, 'versions', 0, 'endpoints', 'static'], endpoints.slice(0, 2))
  document.setIn(['routes', 0, 'versions', 1, 'endpoints', 'static'], endpoints.slice(2))
  return document.toString()
}
