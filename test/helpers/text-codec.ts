import type { StateCodec } from '../../src/store/state-store.ts'

/** A codec for stores of plain text. */
export const textCodec: StateCodec<string> = {
  initial: '',
  encode: value => JSON.stringify(value),
  decode (plain) {
    if (typeof plain !== 'string') throw new Error('value is not a text')
    return plain
  }
}
