/** Why a name gave no address. */
export class NameError extends Error {
  override readonly name = 'NameError'
  /** The server has answered that there is none; otherwise nothing is known. */
  readonly notFound: boolean

  constructor (message: string, notFound: boolean) {
    super(message)
    this.notFound = notFound
  }
}
