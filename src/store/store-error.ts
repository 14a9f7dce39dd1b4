/**
 * What went wrong with a store:
 * - `locked`: another process uses the file
 * - `lock-lost`: the lock was taken away while the store was open
 * - `no-space`: disk or quota is full
 * - `not-permitted`: missing permission, or a read-only file system
 * - `too-large`: the value is past the store's bound
 * - `closed`: the store has been closed
 * - `io`: anything else that the operating system reports
 */
export type StoreErrorCode = 'locked' | 'lock-lost' | 'no-space' | 'not-permitted' | 'too-large' | 'closed' | 'io'

/** A failed operation of a store. The message names the place and the remedy; the value in the store is the old one. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor (code: StoreErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** Turns an error of the file system into a StoreError that says what was being done, where, and what helps. */
export function fileError (error: unknown, doing: string, path: string): StoreError {
  if (error instanceof StoreError) return error
  const errno = errorCode(error)
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new StoreError('no-space', `${doing} ${path} failed: no space left (${errno}); free some, the old state is kept`, { cause: error })
    case 'EACCES':
    case 'EPERM':
      return new StoreError('not-permitted', `${doing} ${path} failed: not permitted (${errno}); let the user of Weir write the file and its directory`, { cause: error })
    case 'EROFS':
      return new StoreError('not-permitted', `${doing} ${path} failed: the file system is read-only (${errno}); mount it writable or set state.path`, { cause: error })
    case 'EMFILE':
    case 'ENFILE':
      return new StoreError('io', `${doing} ${path} failed: no file descriptor is free (${errno}); raise RLIMIT_NOFILE or lower limits.maxConnections, the old state is kept`, { cause: error })
    default:
      return new StoreError('io', `${doing} ${path} failed: ${errno ?? String(error)}; check state.path`, { cause: error })
  }
}

/** The `code` of a system error, such as ENOENT. */
export function errorCode (error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
