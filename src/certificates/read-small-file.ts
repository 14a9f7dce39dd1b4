import { readWholeFile } from '../core/read-whole-file.ts'

/** What a file holds, or why that can't be told: a phrase that goes on from the name of the file. */
export type FileContent = { readonly bytes: Buffer } | {
  readonly fault: string
  /** No descriptor was free, which says nothing of the file. */
  readonly exhausted?: true
}

/** Certificates, keys and bundles of authorities are smaller by far: the one of Mozilla has 250 KiB. */
const MAX_FILE_BYTES = 1_048_576

/** Reads a regular file of at most MAX_FILE_BYTES. Never throws, never waits for a pipe. */
export async function readSmallFile (path: string): Promise<FileContent> {
  const file = await readWholeFile(path, MAX_FILE_BYTES)
  if ('bytes' in file) return file
  const { kind, phrase } = file.fault
  if (kind === 'exhausted') return { fault: phrase, exhausted: true }
  return { fault: kind === 'missing' ? `${phrase}; is the volume mounted, and the path right?` : phrase }
}
