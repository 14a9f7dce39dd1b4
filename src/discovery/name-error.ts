import type { NameAddress } from './name-address.ts'

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
