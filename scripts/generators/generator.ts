/** One generated file. */
export interface Generator {
  /** From the root of the project. */
  readonly path: string
  /** The whole content of the file, as it has to be. */
  content (): Promise<string> | string
}
