/**
 * Which Weir a command speaks to: by flags, the environment, or a context of the client's own file, in this order.
 */
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { errorText } from '../../core/error-text.ts'
import { readWholeFile } from '../../core/read-whole-file.ts'
import { asObject, type UntrustedObject } from '../../core/untrusted.ts'
import { suggestion } from '../../core/nearest-name.ts'
import { CommandError, EXIT } from './command-error.ts'

export const DEFAULT_SERVER = 'http://127.0.0.1:9901'

/** What the flags of a command say about it. */
export interface ConnectionFlags {
  readonly server?: string | undefined
  readonly token?: string | undefined
  readonly tokenFile?: string | undefined
  readonly context?: string | undefined
}

/** The environment as far as it matters here. */
export type ClientEnvironment = Readonly<Record<string, string | undefined>>

export interface Connection {
  /** Without a slash at its end. */
  readonly server: string
  readonly token: string | undefined
}

/** One context of the file. */
interface ClientContext {
  readonly server?: string
  readonly token?: string
  readonly tokenFile?: string
}

export interface ClientConfig {
  readonly path: string
  readonly current: string | undefined
  readonly contexts: ReadonlyMap<string, ClientContext>
}

const MAX_CONFIG_BYTES = 1_048_576
const MAX_TOKEN_BYTES = 16_384
const KEYS = ['server', 'token', 'tokenFile'] as const
/** The same characters as the admin API takes (RFC 6750, section 2.1). */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/

/** The client's own file: WEIR_CLIENT_CONFIG, else `weir/config.yaml` of XDG_CONFIG_HOME or `~/.config`. */
export function clientConfigPath (env: ClientEnvironment): string | undefined {
  const named = env['WEIR_CLIENT_CONFIG']
  if (named !== undefined && named !== '') return named
  const home = env['HOME'] ?? env['USERPROFILE']
  const base = env['XDG_CONFIG_HOME'] ?? (home === undefined ? undefined : path.join(home, '.config'))
  return base === undefined || base === '' ? undefined : path.join(base, 'weir', 'config.yaml')
}

/**
 * Reads the client's file; there need be none, unless WEIR_CLIENT_CONFIG names it.
 * @param warn told of what is odd about it
 * @throws CommandError with the place of what is wrong
 */
export async function readClientConfig (env: ClientEnvironment, warn: (text: string) => void): Promise<ClientConfig | undefined> {
  const file = clientConfigPath(env)
  if (file === undefined) return undefined
  const read = await readWholeFile(file, MAX_CONFIG_BYTES)
  if ('fault' in read) {
    if (read.fault.kind === 'missing' && (env['WEIR_CLIENT_CONFIG'] ?? '') === '') return undefined
    throw new CommandError(`${file} ${read.fault.phrase}`, EXIT.usage)
  }
  const config = checkConfig(file, await parseYaml(file, read.bytes))
  const secrets = [...config.contexts.values()].some(({ token }) => token !== undefined)
  if (secrets && await isOpenToOthers(file)) warn(`${file}: others can read it, and it has a token; chmod 600 it, or use tokenFile`)
  return config
}

/** May its group, or everybody, read it or write it? */
export async function isOpenToOthers (file: string): Promise<boolean> {
  return ((await stat(file)).mode & 0o077) !== 0
}

async function parseYaml (file: string, bytes: Buffer): Promise<unknown> {
  const { parse } = await import('yaml')
  try {
    return parse(bytes.toString('utf8'), { maxAliasCount: 100 }) as unknown
  } catch (error) {
    throw new CommandError(`${file}: ${errorText(error)}`, EXIT.usage)
  }
}

function checkConfig (file: string, value: unknown): ClientConfig {
  if (value === null || value === undefined) return { path: file, current: undefined, contexts: new Map() }
  const { current, contexts = {}, ...others } = objectAt(value, file, 'the file', 'has to be a mapping with `current` and `contexts`')
  const [odd] = Object.keys(others)
  if (odd !== undefined) throw wrong(file, odd, `is not known${hint(odd, ['current', 'contexts'])}`)
  if (current !== undefined && typeof current !== 'string') throw wrong(file, 'current', 'has to be the name of a context')
  const found = new Map<string, ClientContext>()
  for (const [name, context] of Object.entries(objectAt(contexts, file, 'contexts', 'has to be a mapping of names'))) {
    found.set(name, checkContext(file, `contexts.${name}`, context))
  }
  if (current !== undefined && !found.has(current)) throw wrong(file, 'current', `there is no context ${JSON.stringify(current)}${hint(current, [...found.keys()])}`)
  return { path: file, current, contexts: found }
}

function checkContext (file: string, place: string, value: unknown): ClientContext {
  const context: { server?: string, token?: string, tokenFile?: string } = {}
  for (const [key, text] of Object.entries(objectAt(value, file, place, `has to be a mapping with ${KEYS.join(', ')}`))) {
    const known = KEYS.find(each => each === key)
    if (known === undefined) throw wrong(file, `${place}.${key}`, `is not known${hint(key, KEYS)}`)
    if (typeof text !== 'string' || text === '') throw wrong(file, `${place}.${key}`, 'has to be a text')
    context[known] = text
  }
  return context
}

function wrong (file: string, place: string, what: string): CommandError {
  return new CommandError(`${file}: ${place}: ${what}`, EXIT.usage)
}

/** @throws CommandError */
function objectAt (value: unknown, file: string, place: string, what: string): UntrustedObject {
  const object = asObject(value)
  if (object === undefined) throw wrong(file, place, what)
  return object
}

function hint (given: string, known: readonly string[]): string {
  const near = suggestion(given, known)
  return near === '' ? `; known are: ${known.join(', ')}` : near
}

/**
 * Where to, and with which token. A token belongs to the server that it is given with: that of a context is not sent to a server of a flag.
 * @throws CommandError
 */
export async function chooseConnection (
  flags: ConnectionFlags, env: ClientEnvironment, config: ClientConfig | undefined
): Promise<Connection> {
  const context = contextOf(flags.context ?? presentText(env['WEIR_CONTEXT']), config)
  const named = flags.server ?? presentText(env['WEIR_SERVER'])
  const server = checkServer(named ?? context?.server ?? DEFAULT_SERVER)
  const own = named === undefined || named === context?.server ? context : undefined
  const sources: ReadonlyArray<ClientContext & { readonly from: string }> = [
    { from: '--token', ...defined(flags) },
    { from: 'WEIR_TOKEN', ...defined({ token: presentText(env['WEIR_TOKEN']), tokenFile: presentText(env['WEIR_TOKEN_FILE']) }) },
    { from: 'the token of the context', ...relativeTo(config?.path, own) }
  ]
  for (const { from, token, tokenFile } of sources) {
    if (token !== undefined) return { server, token: checkToken(token, from) }
    if (tokenFile !== undefined) return { server, token: checkToken(await readToken(tokenFile, env), tokenFile) }
  }
  return { server, token: undefined }
}

function presentText (text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

function defined ({ token, tokenFile }: ConnectionFlags): ClientContext {
  return { ...(token === undefined ? {} : { token }), ...(tokenFile === undefined ? {} : { tokenFile }) }
}

/** A token's file is named relative to the file that names it. */
function relativeTo (file: string | undefined, context: ClientContext | undefined): ClientContext {
  if (context?.tokenFile === undefined || file === undefined || context.tokenFile.startsWith('~/')) return context ?? {}
  return { ...context, tokenFile: path.resolve(path.dirname(file), context.tokenFile) }
}

function contextOf (name: string | undefined, config: ClientConfig | undefined): ClientContext | undefined {
  const wanted = name ?? config?.current
  if (wanted === undefined) return undefined
  const context = config?.contexts.get(wanted)
  if (context !== undefined) return context
  if (config === undefined) throw new CommandError(`there is no context ${JSON.stringify(wanted)}: there is no file with contexts (weir help status says where it would be)`, EXIT.usage)
  throw new CommandError(`${config.path}: there is no context ${JSON.stringify(wanted)}${hint(wanted, [...config.contexts.keys()])}`, EXIT.usage)
}

function checkServer (text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:\/\//i.test(text) || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new CommandError(`the server has to be a URL such as ${DEFAULT_SERVER}, without a user and a query, not ${JSON.stringify(text.slice(0, 80))}`, EXIT.usage)
  }
  return url.href.replace(/\/+$/, '')
}

async function readToken (file: string, env: ClientEnvironment): Promise<string> {
  const full = file.startsWith('~/') ? path.join(env['HOME'] ?? '~', file.slice(2)) : file
  const read = await readWholeFile(full, MAX_TOKEN_BYTES)
  if ('fault' in read) throw new CommandError(`the file of the token, ${full}, ${read.fault.phrase}`, EXIT.usage)
  return read.bytes.toString('utf8').trim()
}

/** @param from where it comes from, for people; never the token itself */
function checkToken (token: string, from: string): string {
  if (TOKEN.test(token)) return token
  throw new CommandError(`${from}: is no token: it may have letters, digits and -._~+/ only, with = at the end`, EXIT.usage)
}
