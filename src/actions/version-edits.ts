/**
 * What a version changes in the messages that go through it: what its route says, and behind that what it says itself. Compiled once for
 * each set of routes.
 */
import type { FieldChanges, MessageChanges, PathChange } from '../contract/route-actions.ts'
import { combineEdits, type FieldEdits, fieldEdits, type PathEdit, withoutLastSlash } from '../http/field-edits.ts'
import { wireText } from '../routing/plain-request.ts'

/** Edits of one version. Versions that edit alike have the same objects. */
export interface VersionEdits {
  readonly request: FieldEdits | null
  readonly response: FieldEdits | null
  /**
   * The head has to be kept as it was without edits: another version, which may get the request after this one, edits otherwise, or what
   * the client has asked for can't be told from what was sent.
   */
  readonly keepsHead: boolean
}

/**
 * @param route what holds for all versions
 * @param versions what each version says, in order
 * @returns the edits of each version; null for one that has none
 * @throws RangeError for a field that can't be edited
 */
export function compileEdits (
  route: MessageChanges | undefined, versions: ReadonlyArray<MessageChanges | undefined>
): ReadonlyArray<VersionEdits | null> {
  const common = editsOf(route)
  const all = versions.map(changes => {
    const own = editsOf(changes)
    return { request: combineEdits(common.request, own.request), response: combineEdits(common.response, own.response) }
  })
  const differs = all.some(({ request }) => request !== all[0]?.request)
  return all.map(({ request, response }) => request === null && response === null
    ? null
    : { request, response, keepsHead: request !== null && (differs || request.path !== null || request.host !== null) })
}

function editsOf (changes: MessageChanges | undefined): { readonly request: FieldEdits | null, readonly response: FieldEdits | null } {
  if (changes === undefined) return { request: null, response: null }
  const { requestHeaders, responseHeaders, urlRewrite } = changes
  const path = urlRewrite === null || urlRewrite.path === null ? null : pathEdit(urlRewrite.path)
  const hostname = urlRewrite === null ? null : urlRewrite.hostname
  return {
    request: requestHeaders === null && path === null && hostname === null
      ? null
      : fieldEdits({ ...lineParts(requestHeaders), path, host: hostname === null ? null : Buffer.from(hostname, 'latin1') }),
    response: responseHeaders === null ? null : fieldEdits(lineParts(responseHeaders))
  }
}

function lineParts (changes: FieldChanges | null) {
  if (changes === null) return {}
  const { set, add, remove } = changes
  return {
    removed: [...set.map(({ name }) => name), ...remove],
    added: [...set, ...add].map(({ name, value }) => ({ name, value: wireText(value) }))
  }
}

/** A change of the path, as it is applied to heads and to the Location of a redirect. */
export function pathEdit (change: PathChange): PathEdit {
  if (change.type === 'ReplaceFullPath') return { prefix: null, by: Buffer.from(change.path, 'latin1') }
  return { prefix: Buffer.from(withoutLastSlash(change.prefix), 'latin1'), by: Buffer.from(withoutLastSlash(change.path), 'latin1') }
}
