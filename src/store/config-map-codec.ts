/** What a value of Weir's is in a ConfigMap. */
import type { UntrustedObject } from '../core/untrusted.ts'
import type { ConfigMapSection } from './config-map-object.ts'

/** How a value is turned into the texts of a ConfigMap and back. */
export interface ConfigMapCodec<T> {
  /** Where in the object the texts are: those of `binaryData` are Base64. `data` without it. */
  readonly section?: ConfigMapSection
  /** What the store holds before the first write. */
  readonly initial: T
  /** @throws StoreError `too-large` */
  encode (value: T): Readonly<Record<string, string>>
  /**
   * Reads what anybody may have written.
   * @throws Error with a message for people; a NewerFormat when it may not be written over
   */
  decode (data: UntrustedObject): T
  /** Is this a key of its own, which a write replaces? */
  owns (key: string): boolean
}

/** What is stored was written by a newer Weir. */
export class NewerFormat extends Error {
  override readonly name = 'NewerFormat'
}
