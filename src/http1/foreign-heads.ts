/**
 * Heads of messages that have come in another version of HTTP, written as HTTP/1.1 has them. Those of its own are rewritten in place.
 */
import { foldedName } from '../core/folded-name.ts'
import { editedPath, type FieldEdits } from '../http/field-edits.ts'
import type { HttpRequest, RequestEdits } from '../http/http-request.ts'
import { type HttpResponse, STATUS_CODES } from '../http/http-response.ts'
import { FIELD, fieldId } from './field-id.ts'

const LINE_END = '\r\n'

/** @param chunked the body goes in chunks, because nobody knows its length */
export function foreignRequestHead (request: HttpRequest, edits: RequestEdits, chunked: boolean): Buffer {
  const host = request.authority()
  const { fields } = edits
  const removed = new Set(fields?.removed.map(foldedName))
  const lines = [
    `${request.method()} ${resourceOf(request, fields)} HTTP/1.1`,
    `Host: ${fields?.host?.toString('latin1') ?? (host === '' ? edits.defaultHost : host)}`
  ]
  request.eachField((name, value) => {
    if (goesOn(name, edits.dropClaims) && !removed.has(foldedName(name))) lines.push(`${name}: ${value}`)
  })
  lines.push(`${edits.prefix.toString('latin1')}${edits.requestId.toString('latin1')}`)
  lines.push(`X-Forwarded-Host: ${edits.forwardedHost === undefined ? host : edits.forwardedHost.toString('latin1')}`)
  if (chunked) lines.push('Transfer-Encoding: chunked')
  else if (request.length > 0) lines.push(`Content-Length: ${request.length}`)
  if (request.expectsContinue) lines.push('Expect: 100-continue')
  if (request.upgrade !== '') lines.push(`Upgrade: ${request.upgrade}`, 'Connection: Upgrade')
  if (request.maxForwards > 0) lines.push(`Max-Forwards: ${request.maxForwards - 1}`)
  return Buffer.from(`${lines.join(LINE_END)}${LINE_END}${fields?.text ?? ''}${LINE_END}`, 'latin1')
}

function resourceOf (request: HttpRequest, edits: FieldEdits | null): string {
  const resource = request.resource()
  if (edits === null || edits.path === null || resource === '') return resource
  const query = resource.indexOf('?')
  return query < 0 ? editedPath(edits.path, resource) : `${editedPath(edits.path, resource.slice(0, query))}${resource.slice(query)}`
}

/** Fields that mean what they say to the endpoint, and nothing to a proxy. */
const PASSED: ReadonlySet<number> = new Set([FIELD.other, FIELD.cookie, FIELD.date, FIELD.trailer, FIELD.credentials, FIELD.challenge])

function goesOn (name: string, dropClaims: boolean): boolean {
  const id = fieldId(Buffer.from(name, 'latin1'), 0, name.length)
  return PASSED.has(id) || (id === FIELD.originClaim && !dropClaims)
}

/**
 * The head of an interim or a final response.
 * @param replaced names, in lower case, that the response may not use itself
 * @param additions whole lines behind its own fields
 */
export function foreignResponseHead (response: HttpResponse, replaced: (lowerName: string) => boolean, additions: string): Buffer {
  const { status } = response
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}${LINE_END}`
  response.eachField((name, value) => { if (!replaced(name.toLowerCase())) text += `${name}: ${value}${LINE_END}` })
  return Buffer.from(`${text}${additions}${LINE_END}`, 'latin1')
}
