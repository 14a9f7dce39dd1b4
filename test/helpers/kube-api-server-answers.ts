import type { ServerResponse } from 'node:http'
import { type KubeObjects, parseLabelSelector } from './kube-api-server-objects.ts'

export interface StatusDetail {
  readonly message: string
  readonly reason?: string
  readonly retryAfterSeconds?: number
  /** A continue token that is offered with a 410. */
  readonly continueToken?: string
}

/** A Status as the real server writes it. */
export function sendStatus (response: ServerResponse, code: number, detail: StatusDetail): void {
  const { message, reason, retryAfterSeconds, continueToken } = detail
  const metadata = continueToken === undefined ? {} : { continue: continueToken }
  const retryAfter = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  response.writeHead(code, { 'content-type': 'application/json', ...retryAfter })
  response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata, status: 'Failure', message, reason, code }))
}

/** A refusal with the body that was recorded for its status. */
export function sendRefusal (response: ServerResponse, code: number): void {
  const text = { 'content-type': 'text/plain; charset=utf-8' }
  if (code === 429) {
    response.writeHead(429, { ...text, 'retry-after': '1' }).end('Too many requests, please try again later.\n')
  } else if (code === 404) {
    response.writeHead(404, text).end('404 page not found\n')
  } else if (code === 504) {
    // etcd did not answer: a Status without kind and apiVersion, called text/plain.
    const message = 'Timeout: request did not complete within the allotted timeout'
    response.writeHead(504, text).end(JSON.stringify({ metadata: {}, status: 'Failure', message, reason: 'Timeout', details: {}, code: 504 }))
  } else {
    sendStatus(response, code, REFUSALS[code] ?? { message: `refused with ${code}` })
  }
}

const REFUSALS: Readonly<Record<number, StatusDetail>> = {
  401: { message: 'Unauthorized', reason: 'Unauthorized' },
  403: {
    message: 'endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:default:weir" cannot list resource "endpointslices" ' +
      'in API group "discovery.k8s.io" in the namespace "default"',
    reason: 'Forbidden'
  },
  410: { message: 'The resourceVersion for the provided list is too old.', reason: 'Expired' },
  500: { message: 'Internal error occurred', reason: 'InternalError' },
  503: { message: 'the server is currently unable to handle the request', reason: 'ServiceUnavailable' }
}

/** One page of a list: all pages show the revision of the first. An expired continue token is a 410 that offers another. */
export function sendPage (response: ServerResponse, objects: KubeObjects, request: { readonly namespace: string | undefined, readonly query: URLSearchParams }): void {
  const { namespace, query } = request
  const limit = Number(query.get('limit') ?? 0)
  const token = readToken(query.get('continue'))
  const exact = query.get('resourceVersionMatch') === 'Exact' ? Number(query.get('resourceVersion')) : undefined
  const revision = token?.revision ?? exact ?? objects.revision
  if (revision !== -1 && revision < objects.listFloor && (token !== undefined || exact !== undefined)) {
    sendExpired(response, token)
    return
  }
  const shown = revision === -1 ? objects.revision : revision
  const all = objects.list(namespace, parseLabelSelector(query.get('labelSelector') ?? ''), shown)
  const rest = token === undefined ? all : all.filter(({ metadata }) => `${metadata.namespace}/${metadata.name}` > token.after)
  const page = limit > 0 ? rest.slice(0, limit) : rest
  const last = page.at(-1)?.metadata
  const more = page.length < rest.length && last !== undefined
  const metadata = {
    resourceVersion: String(shown),
    ...(more ? { continue: writeToken({ revision: shown, after: `${last.namespace}/${last.name}` }), remainingItemCount: rest.length - page.length } : {})
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ kind: 'EndpointSliceList', apiVersion: 'discovery.k8s.io/v1', metadata, items: page }))
}

function sendExpired (response: ServerResponse, token: ContinueToken | undefined): void {
  const message = 'The provided continue parameter is too old to display a consistent list result.'
  const offer = token === undefined ? {} : { continueToken: writeToken({ revision: -1, after: token.after }) }
  sendStatus(response, 410, { message, reason: 'Expired', ...offer })
}

interface ContinueToken {
  /** -1: whatever there is now, which need not fit to the pages before. */
  readonly revision: number
  readonly after: string
}

function writeToken (token: ContinueToken): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url')
}

function readToken (text: string | null): ContinueToken | undefined {
  if (text === null) return undefined
  // Written by writeToken above.
  return JSON.parse(Buffer.from(text, 'base64url').toString()) as ContinueToken
}
