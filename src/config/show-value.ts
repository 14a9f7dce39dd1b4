const MAX_LENGTH = 80

/** A given value as short text for an error message: JSON where that can say it, control characters escaped. */
export function showValue (value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value === 'string') return shorten(JSON.stringify(value.slice(0, MAX_LENGTH + 1)))
  if (typeof value !== 'object') return shorten(String(value))
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  const keys = Object.keys(value)
  return keys.length === 0 ? 'an empty mapping' : shorten(`a mapping with ${keys.slice(0, 8).map(key => JSON.stringify(key.slice(0, MAX_LENGTH))).join(', ')}`)
}

/** The path of a file, whole: one that is cut off leads nowhere. */
export function showPath (path: string): string {
  return JSON.stringify(path)
}

function shorten (text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 1)}…`
}
