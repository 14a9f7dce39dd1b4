/**
 * What is changed in the messages of a version, in words. Names of fields alone: values may be secrets. Cold.
 */
import type { ActionTrace } from '../contract/questions.ts'
import { editedPath, type FieldEdits } from '../http/field-edits.ts'
import type { VersionEdits } from './version-edits.ts'

/** What a version does to its messages. */
interface EditingVersion {
  readonly name: string
  readonly edits: Pick<VersionEdits, 'request' | 'response'> | null
  readonly maxBodyBytes: number
}

/**
 * @param path of the request, without its query
 * @param maxBodyBytes of the route; 0 sets no limit
 */
export function editTraces (
  { name, edits, maxBodyBytes: own }: EditingVersion, path: string, maxBodyBytes: number
): readonly ActionTrace[] {
  const trace = (kind: ActionTrace['kind'], why: string): readonly ActionTrace[] =>
    why === '' ? [] : [{ kind, version: name, outcome: null, why }]
  const limits = [maxBodyBytes, own].filter(bytes => bytes > 0)
  const { request = null, response = null } = edits ?? {}
  return [
    ...trace('maxBodyBytes', limits.length === 0 ? '' : `a body of more than ${Math.min(...limits)} bytes gets 413`),
    ...trace('urlRewrite', request === null ? '' : targetText(request, path)),
    ...trace('requestHeaders', request === null ? '' : fieldsText(request)),
    ...trace('responseHeaders', response === null ? '' : fieldsText(response))
  ]
}

function targetText ({ path: edit, host }: FieldEdits, path: string): string {
  const changes = [
    ...(edit === null ? [] : [`the path ${editedPath(edit, path)}`]), ...(host === null ? [] : [`the Host ${host.toString('latin1')}`])
  ]
  return changes.length === 0 ? '' : `the endpoint gets ${changes.join(' and ')}`
}

function fieldsText ({ removed, added }: FieldEdits): string {
  const names = [...new Set(added.map(({ name }) => name))]
  const set = names.filter(name => removed.includes(name.toLowerCase()))
  const more = names.filter(name => !removed.includes(name.toLowerCase()))
  const gone = removed.filter(name => !names.some(each => each.toLowerCase() === name))
  const parts = [['sets', set], ['adds', more], ['removes', gone]] as const
  return parts.filter(([, named]) => named.length > 0).map(([verb, named]) => `${verb} ${named.join(', ')}`).join('; ')
}
