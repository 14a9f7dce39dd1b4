/**
 * Looks names up: the port, and what the operating system offers for it.
 */
import { lookup, Resolver } from 'node:dns/promises'
import { errorCode } from '../core/error-text.ts'
import { isLocalName } from '../core/socket-address.ts'
import { readWholeFile } from '../core/read-whole-file.ts'

/** As resolv.conf(5) and the C library have them. */
const DEFAULT_NDOTS = 1
const MAX_NDOTS = 15
const MAX_DOMAINS = 32

/**
 * The names that are asked for in place of one, in this order, as the system's own lookup does: in a pod, `shop.dev` is the
 * Service of the namespace `dev` and not a host of the internet of the same name. Domains to search come first for names
 * with fewer dots than `ndots`; a name that ends in a dot is complete.
 * @param resolvConf the text of /etc/resolv.conf
 */
export function searchNames (name: string, resolvConf: string): readonly string[] {
  if (name.endsWith('.')) return [name]
  const { domains, ndots } = readResolvConf(resolvConf)
  const dots = name.split('.').length - 1
  return dots < ndots ? [...domains.map(domain => `${name}.${domain}`), name] : [name]
}

function readResolvConf (text: string): { readonly domains: readonly string[], readonly ndots: number } {
  let domains: readonly string[] = []
  let ndots = DEFAULT_NDOTS
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    // The last line of the two kinds wins.
    if (keyword === 'search') domains = values
    if (keyword === 'domain') domains = values.slice(0, 1)
    if (keyword !== 'options') continue
    for (const value of values) {
      const found = /^ndots:([0-9]+)$/.exec(value)
      if (found !== null) ndots = Math.min(MAX_NDOTS, Number(found[1]))
    }
  }
  return { domains: domains.map(domain => domain.replace(/\.$/, '')).filter(domain => domain !== '').slice(0, MAX_DOMAINS), ndots }
}

/** @throws NameError when the name has no address, or nobody could be asked */
export type NameLookup = (name: string) => Promise<readonly NameAddress[]>

/** What the hosts file and the system's own lookup give has no time to live. */
const SYSTEM_TTL_S = 10
const ATTEMPT_MS = 2_000
const ATTEMPTS = 2
const HOSTS_FILE = '/etc/hosts'
const RESOLVER_FILE = '/etc/resolv.conf'
const MAX_FILE_BYTES = 1_048_576
const NOT_FOUND: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EAI_NONAME', 'EAI_NODATA'])

interface SystemLookupOptions {
  /** `address:port` of the DNS servers; those of the system by default. */
  readonly servers?: readonly string[]
  /** The file that names the domains to search; that of the system by default. */
  readonly resolverFile?: string
}

/**
 * Asks DNS, which tells how long an answer holds, for the names that the system would ask for. DNS does not know the hosts
 * file: what is in there, and what DNS does not find, is asked of the system, as every other program does.
 */
export function createNameLookup ({ servers, resolverFile = RESOLVER_FILE }: SystemLookupOptions = {}): NameLookup {
  return async name => {
    if (servers === undefined && await isInHostsFile(name)) return await askSystem(name)
    try {
      return await askInTurn(searchNames(name, await readText(resolverFile)), servers)
    } catch (error) {
      if (servers !== undefined || !(error instanceof NameError) || error.partial.length > 0) throw error
      // The system may know the name by another way; if it does not, what DNS said is the better reason.
      return await askSystem(name).catch(() => { throw error })
    }
  }
}

/** Only a name that does not exist, or has no address, leads to the next one: a server that fails may know of it. */
async function askInTurn (names: readonly string[], servers: readonly string[] | undefined): Promise<readonly NameAddress[]> {
  let missing: NameError | undefined
  for (const name of names) {
    try {
      return await askDns(name, servers)
    } catch (error) {
      if (!(error instanceof NameError) || !error.notFound) throw error
      missing = error
    }
  }
  throw missing ?? new RangeError('there is no name to ask for')
}

async function askDns (name: string, servers: readonly string[] | undefined): Promise<readonly NameAddress[]> {
  // A resolver of its own reads what the system says of its servers anew, which may have changed.
  const resolver = new Resolver({ timeout: ATTEMPT_MS, tries: ATTEMPTS })
  if (servers !== undefined) resolver.setServers(servers)
  const [four, six] = await Promise.allSettled([resolver.resolve4(name, { ttl: true }), resolver.resolve6(name, { ttl: true })])
  const found = [
    ...(four.status === 'fulfilled' ? four.value.map(({ address, ttl }): NameAddress => ({ address, family: 'IPv4', ttlS: ttl })) : []),
    ...(six.status === 'fulfilled' ? six.value.map(({ address, ttl }): NameAddress => ({ address, family: 'IPv6', ttlS: ttl })) : [])
  ]
  // The addresses of IPv4 are used where a name has both, so without an answer about them it is not known which are used.
  const lacksIpv4 = four.status === 'rejected' && !NOT_FOUND.has(errorCode(four.reason) ?? '')
  if (found.length > 0 && !lacksIpv4) return found
  const failures: readonly unknown[] = [four, six].flatMap(outcome => outcome.status === 'rejected' ? [outcome.reason] : [])
  // A failure of one question leaves open whether there is an address.
  throw nameError(name, failures.find(failure => !NOT_FOUND.has(errorCode(failure) ?? '')) ?? failures[0], found)
}

async function askSystem (name: string): Promise<readonly NameAddress[]> {
  try {
    const found = await lookup(name, { all: true })
    return found.map(({ address, family }) => ({ address, family: family === 6 ? 'IPv6' : 'IPv4', ttlS: SYSTEM_TTL_S }))
  } catch (error) {
    throw nameError(name, error)
  }
}

function nameError (name: string, error: unknown, partial: readonly NameAddress[] = []): NameError {
  const code = errorCode(error) ?? ''
  if (NOT_FOUND.has(code)) return new NameError(`the name "${name}" is not found (${code})`, true)
  return new NameError(`the name "${name}" can't be looked up (${code === '' ? String(error) : code})`, false, partial)
}

async function isInHostsFile (name: string): Promise<boolean> {
  if (isLocalName(name)) return true
  const wanted = name.toLowerCase().replace(/\.$/, '')
  return (await readText(HOSTS_FILE)).split('\n').some(line => {
    const [, ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/)
    return names.some(known => known.toLowerCase() === wanted)
  })
}

/** Empty for a file that can't be read. */
async function readText (path: string): Promise<string> {
  const file = await readWholeFile(path, MAX_FILE_BYTES)
  return 'fault' in file ? '' : file.bytes.toString('latin1')
}

/** Why a name gave no address, or not all of them. */
export class NameError extends Error {
  override readonly name = 'NameError'
  /** The server has answered that there is none; otherwise nothing is known. */
  readonly notFound: boolean
  /** What was answered about one family while the question about the other one failed; better than nothing, but not the answer. */
  readonly partial: readonly NameAddress[]

  constructor (message: string, notFound: boolean, partial: readonly NameAddress[] = []) {
    super(message)
    this.notFound = notFound
    this.partial = partial
  }
}

/** An address of a name. */
export interface NameAddress {
  readonly address: string
  readonly family: 'IPv4' | 'IPv6'
  /** How long it holds, in seconds, as the server says. */
  readonly ttlS: number
}

/** So many lookups at a time: the system's own wait in threads that files are read by too. */
const MAX_AT_ONCE = 4

/** The same lookup, of which only a few are under way at a time; the others wait in the order in which they came. */
export function boundedLookup (lookUp: NameLookup, atOnce = MAX_AT_ONCE): NameLookup {
  const waiting: (() => void)[] = []
  let running = 0
  return async name => {
    if (running >= atOnce) await new Promise<void>(resolve => { waiting.push(resolve) })
    else running++
    try {
      return await lookUp(name)
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
