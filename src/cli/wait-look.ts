/**
 * Looks once whether what `weir wait` waits for is there. Loading this file loads undici.
 */
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import { Agent, request } from 'undici'
import { abortable } from '../core/abortable.ts'
import { errorText } from '../core/error-text.ts'
import { readBounded } from '../core/read-bounded.ts'
import { asObject } from '../core/untrusted.ts'
import { answersAt, numberAt } from './operate/admin-api.ts'
import type { WaitCondition } from './wait-arguments.ts'

/** The largest answer of the admin API that is read. */
const MAX_ANSWER_BYTES = 16 * 1_048_576

/** @returns undefined when it is there; else what is in the way, for people */
export type Look = (condition: WaitCondition, signal: AbortSignal) => Promise<string | undefined>

/** Looks over the network. Rejects with nothing: whatever fails is in the way. */
export async function look (condition: WaitCondition, signal: AbortSignal): Promise<string | undefined> {
  try {
    switch (condition.kind) {
      case 'tcp': return await connects(condition, signal)
      case 'http': return await answers(condition.url, signal)
      case 'dns': return await resolves(condition.name, signal)
      default: return await hasEndpoints(condition, signal)
    }
  } catch (error) {
    return signal.aborted ? 'no answer' : errorText(error)
  }
}

async function connects ({ host, port }: { readonly host: string, readonly port: number }, signal: AbortSignal): Promise<undefined> {
  const socket = net.connect({ host, port })
  try {
    await abortable(once(socket, 'connect'), signal)
    return undefined
  } finally {
    socket.destroy()
  }
}

async function resolves (name: string, signal: AbortSignal): Promise<string | undefined> {
  // The resolver of the system, as the programs that are waited for use it: with /etc/hosts and search domains.
  const addresses = await abortable(lookup(name, { all: true }), signal)
  return addresses.length === 0 ? 'the name has no address' : undefined
}

/** A status from 200 to 399 is an answer, as for the kubelet; no redirect is followed. */
async function answers (url: string, signal: AbortSignal): Promise<string | undefined> {
  const { statusCode } = await get(url, {}, signal)
  return statusCode >= 200 && statusCode < 400 ? undefined : `status ${statusCode}`
}

async function hasEndpoints (
  { route, version, endpoints, admin, tokenFile }: Extract<WaitCondition, { kind: 'endpoints' }>, signal: AbortSignal
): Promise<string | undefined> {
  // Read each time: a Secret may be rotated, or be mounted late.
  const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, 'utf8')).trim()
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const { statusCode, text } = await get(`${admin}/v1/routes/${encodeURIComponent(route)}`, headers, signal)
  if (statusCode === 401) return `the admin API wants ${token === undefined ? 'a token: give --token-file' : 'another token'}`
  if (statusCode === 404) return 'there is no such route'
  if (statusCode !== 200) return `the admin API answered ${statusCode}`
  const found = availableEndpoints(text, version)
  if (found === undefined) return 'the route has no such version'
  return found >= endpoints ? undefined : `there ${found === 1 ? 'is' : 'are'} ${found}`
}

/** Endpoints of the version that may get requests; undefined without such a version. */
function availableEndpoints (text: string, version: string): number | undefined {
  const body = asObject(JSON.parse(text))
  if (!Array.isArray(body?.['versions'])) throw new Error('what answered is not the admin API of Weir')
  return numberAt(answersAt(body, 'versions').find(each => each['name'] === version), 'availableEndpoints')
}

async function get (
  url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal
): Promise<{ readonly statusCode: number, readonly text: string }> {
  // An agent for each look: a connection that is kept could hide that nobody answers new ones, and would keep the process alive.
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 0 } })
  try {
    const { statusCode, body } = await request(url, { dispatcher, signal, headers: { 'user-agent': 'weir', ...headers } })
    const answer = await readBounded(body, MAX_ANSWER_BYTES)
    if (answer === undefined) throw new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`)
    return { statusCode, text: answer.toString('utf8') }
  } finally {
    await dispatcher.destroy()
  }
}
