/**
 * One of two answers, as far as they are compared, and what is different about them.
 */
import type { MirrorCompare, MirrorSpec } from '../contract/mirror-spec.ts'
import type { ShadowDifference, ShadowExampleAnswer } from '../contract/shadow-report.ts'
import type { HttpResponse } from '../http/http-response.ts'
import type { JsonPath } from './canonical-json.ts'
import { SeenBody } from './seen-body.ts'
import type { ShadowBytes } from './shadow-room.ts'

const JSON_TYPE = /^[ \t]*application\/(?:[^;, \t]*\+)?json[ \t]*(?:;|$)/i
const STREAM_TYPE = /^[ \t]*text\/event-stream[ \t]*(?:;|$)/i
/** An example names so many fields. */
const MAX_NAMED = 16

/** What a mirror compares, made ready. */
export interface CompareTerms {
  /** Null: statuses and times alone. */
  readonly compare: MirrorCompare | null
  readonly headers: ReadonlySet<string> | null
  readonly ignored: ReadonlySet<string>
  readonly leftOut: readonly JsonPath[]
  readonly maxAnswerBytes: number
}

export function compareTerms ({ compare, maxAnswerBytes }: MirrorSpec, leftOut: readonly JsonPath[]): CompareTerms {
  return {
    compare,
    headers: compare?.headers == null ? null : new Set(compare.headers),
    ignored: new Set(compare?.ignoreHeaders ?? []),
    leftOut,
    maxAnswerBytes
  }
}

export class SeenAnswer {
  readonly status: number
  readonly firstByteMs: number
  /** It has no end that is worth waiting for. */
  readonly isStream: boolean
  readonly body: SeenBody | null
  /** All of it has been seen that is compared. */
  done = false
  readonly #fields = new Map<string, string>()

  constructor (head: HttpResponse, firstByteMs: number, terms: CompareTerms, bytes: ShadowBytes) {
    const { compare } = terms
    this.status = head.status
    this.firstByteMs = firstByteMs
    let type = ''
    let encoding = ''
    head.eachField((name, value) => {
      const lower = name.toLowerCase()
      if (lower === 'content-type') type = value
      if (lower === 'content-encoding') encoding = value.trim().toLowerCase()
      if (compare === null || terms.ignored.has(lower) || terms.headers?.has(lower) === false) return
      const before = this.#fields.get(lower)
      this.#fields.set(lower, before === undefined ? value : `${before}\n${value}`)
    })
    this.isStream = STREAM_TYPE.test(type)
    const isJson = JSON_TYPE.test(type) && (encoding === '' || encoding === 'identity')
    this.body = compare?.body === true && !this.isStream
      ? new SeenBody({
        maxBytes: terms.maxAnswerBytes, maxJsonBytes: compare.maxJsonBytes, exampleBytes: compare.exampleBytes
      }, bytes, isJson)
      : null
  }

  /** Takes a piece of the body. */
  add (buf: Buffer, start: number, end: number): void {
    this.body?.add(buf, start, end)
    if (this.body?.cut === true) this.done = true
  }

  /** Names of fields that one has and the other has not, or not with the same value. */
  fieldsUnlike (other: SeenAnswer): readonly string[] {
    const names = new Set([...this.#fields.keys(), ...other.#fields.keys()])
    return [...names].filter(name => this.#fields.get(name) !== other.#fields.get(name)).sort().slice(0, MAX_NAMED)
  }

  describe (): ShadowExampleAnswer {
    const beginning = this.body?.beginning
    return {
      status: this.status,
      firstByteMs: Math.round(this.firstByteMs * 1_000) / 1_000,
      bytes: this.body?.bytes ?? 0,
      digest: this.body?.digest ?? '',
      ...(beginning === undefined ? {} : { body: beginning })
    }
  }
}

/** What two answers have come to. */
export interface AnswerComparison {
  /** Null when nothing is; `unknown` when that can't be told of the bodies. */
  readonly difference: ShadowDifference | 'unknown' | null
  readonly headers: readonly string[]
}

export function compareAnswers (real: SeenAnswer, shadow: SeenAnswer, terms: CompareTerms): AnswerComparison {
  const headers = real.fieldsUnlike(shadow)
  if (real.status !== shadow.status) return { difference: 'status', headers }
  if (headers.length > 0) return { difference: 'headers', headers }
  if (real.body === null || shadow.body === null) return { difference: null, headers }
  const same = real.body.equals(shadow.body, terms.leftOut)
  return { difference: same === null ? 'unknown' : same ? null : 'body', headers }
}
