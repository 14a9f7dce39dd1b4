/**
 * The lists as the binary data of a ConfigMap: a key a list, the content of a list file in gzip.
 *
 *     binaryData:
 *       hello.LIST.beta: H4sIAAAAAAAA…
 */
import { gunzipSync, gzipSync } from 'node:zlib'
import { errorText } from '../core/error-text.ts'
import { NewerFormat, type ConfigMapCodec } from '../store/config-map-codec.ts'
import { StoreError } from '../store/state-store.ts'
import { MAX_STORED_BYTES, NewerList, openList, sealList } from './seal-list.ts'
import { refOfKey } from './list-store.ts'
import type { MemberList } from './member-list.ts'
import { noLists, type StoredLists } from './state-list-store.ts'

/** The API server takes 1 MiB of data, decoded, and there is more in an object than data. */
const MAX_CONFIG_MAP_BYTES = 900 * 1_024
/** Of all lists that are read: what fits into a ConfigMap by gzip could be a thousand times as long. */
const MAX_READ_BYTES = 2 * MAX_STORED_BYTES
const LEVEL = 6

/** @param maxBytes of all keys and their data */
export function createListConfigMapCodec (maxBytes = MAX_CONFIG_MAP_BYTES): ConfigMapCodec<StoredLists> {
  const texts = new WeakMap<MemberList, string>()
  let read = new Map<string, { readonly text: string, readonly members: MemberList }>()
  return {
    section: 'binaryData',
    initial: noLists(),
    encode: lists => {
      const data: Record<string, string> = {}
      let bytes = 0
      for (const [key, members] of lists) {
        const text = texts.get(members) ?? packed(key, members)
        texts.set(members, text)
        data[key] = text
        bytes += key.length + Buffer.byteLength(text, 'base64')
      }
      if (bytes > maxBytes) throw full(bytes, maxBytes, lists)
      return data
    },
    decode: data => {
      const before = read
      read = new Map()
      let budget = MAX_READ_BYTES
      for (const key of Object.keys(data)) {
        if (refOfKey(key) === undefined) continue
        const text = data[key]
        if (typeof text !== 'string') throw new Error(`${key} is no text`)
        const known = before.get(key)
        const members = known?.text === text ? known.members : unpacked(key, text, budget)
        budget -= members.bytes
        texts.set(members, text)
        read.set(key, { text, members })
      }
      return new Map([...read].map(([key, { members }]) => [key, members]))
    },
    owns: key => refOfKey(key) !== undefined
  }
}

function packed (key: string, members: MemberList): string {
  const ref = refOfKey(key)
  if (ref === undefined) throw new Error(`${key} is not the key of a list`)
  return gzipSync(sealList(ref, members), { level: LEVEL }).toString('base64')
}

/** A change of one list is a change of the object: what was read before is not read again. */
function unpacked (key: string, text: string, budget: number): MemberList {
  const ref = refOfKey(key)
  try {
    if (ref === undefined || budget <= 0) throw new Error('is too much: the lists have more members than any Weir writes')
    return openList(ref, gunzipSync(Buffer.from(text, 'base64'), { maxOutputLength: Math.min(MAX_STORED_BYTES, budget) }))
  } catch (error) {
    const message = `${key} ${errorText(error)}`
    throw error instanceof NewerList ? new NewerFormat(message) : new Error(message)
  }
}

function full (bytes: number, maxBytes: number, lists: StoredLists): StoreError {
  const [largest = ''] = [...lists].sort(([, left], [, right]) => right.bytes - left.bytes).map(([key]) => key.replace('.LIST.', '/'))
  const advice = `the lists would take ${bytes} bytes in the ConfigMap, of ${maxBytes} that there are; nothing was changed. Remove members (the longest list is ${largest}), take the keys of lists that no configuration names out of the ConfigMap, or use shorter members: random ones can't be compressed`
  return new StoreError('too-large', advice, { advice })
}
