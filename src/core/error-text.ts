/**
 * What an error says, for people; anything may be thrown. An AggregateError of Node (several addresses tried) has an empty message: its
 * parts tell the story.
 */
export function errorText (error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(part => errorText(part)).join('; ')
  return error instanceof Error ? error.message : String(error)
}

/** The `code` of a system error, such as ENOENT. */
export function errorCode (error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
