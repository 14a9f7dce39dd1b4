/**
 * One request that is copied: what is kept of it until the real answer begins, the copy from then on, and the comparison when both answers
 * have been seen. It copies what it needs of the real request and answer, and holds none of their memory.
 */
import type { MirrorSpec } from '../contract/mirror-spec.ts'
import type { ShadowDifference, ShadowDrop, ShadowExample, ShadowFailure, ShadowTally } from '../contract/shadow-report.ts'
import type { FieldEdits } from '../http/field-edits.ts'
import type { BodyPiece, KeptRequest } from '../http/http-request.ts'
import type { HttpResponse } from '../http/http-response.ts'
import type { Deadlined, Sheddable } from '../net/deadlines.ts'
import { copiedRequest, requestLine } from './copied-request.ts'
import { compareAnswers, type CompareTerms, SeenAnswer } from './seen-answer.ts'
import { ShadowCopy } from './shadow-copy.ts'
import type { CopyWatch, MirroredRequest, ShadowTap } from './shadow-port.ts'
import type { ShadowEndpoint } from './shadow-endpoints.ts'
import { type RouteShare, type SentCopy, ShadowBytes, type ShadowRoom } from './shadow-room.ts'

const NO_FIELDS: readonly string[] = []

/** How a request is copied. */
export interface TapTerms {
  readonly terms: CompareTerms
  /** Of the version that gets the copy. */
  readonly edits: FieldEdits | null
  /** Names in lower case that the copy does not have. */
  readonly fields: ReadonlySet<string>
  readonly spec: MirrorSpec
  readonly idempotent: boolean
  readonly toHead: boolean
}

/** The mirror of the route. */
export interface TapOwner {
  readonly room: ShadowRoom
  readonly share: RouteShare
  /** What is counted. */
  readonly tally: ShadowTally
  /** Copied requests that are not over. */
  taps: number
  drop (reason: ShadowDrop): void
  noteLatency (side: 'real' | 'shadow', answer: SeenAnswer): void
  noteExample (example: () => ShadowExample): void
  /** An endpoint for a copy, or why there is none. */
  pick (keyHash: number): ShadowEndpoint | 'no_endpoint' | 'unreachable'
}

export class RequestTap implements ShadowTap, SentCopy, Deadlined {
  deadlineMs = 0
  deadlineIndex = -1
  readonly #mirror: TapOwner
  readonly #how: TapTerms
  readonly #keyHash: number
  readonly #requestNumber: number
  readonly #requestId: string
  /** Undefined while no rollout of the route runs. */
  readonly #watch: CopyWatch | undefined
  readonly #bytes: ShadowBytes
  #body: Buffer[] = []
  #bodyBytes = 0
  #whole = false
  #wholeMs: number
  /** As the real one was sent; null until it is answered. */
  #head: Buffer | null = null
  #real: SeenAnswer | null = null
  #realVersion = ''
  /** Nothing more of the real answer will come. */
  #realOver = false
  #copy: ShadowCopy | null = null
  #endpoint: ShadowEndpoint | null = null
  #copyEnded = false
  /** Dropped, or counted to the end. */
  #closed = false

  constructor (mirror: TapOwner, how: TapTerms, facts: MirroredRequest, piece: BodyPiece) {
    this.#mirror = mirror
    this.#how = how
    this.#keyHash = facts.keyHash
    this.#requestNumber = facts.requestNumber
    this.#watch = facts.route?.watch ?? undefined
    const { requestIds } = mirror.room.context
    this.#requestId = facts.requestId === '' ? requestIds.text(facts.requestNumber) : facts.requestId
    this.#wholeMs = facts.startMs
    this.#bytes = new ShadowBytes(mirror.room, mirror.share)
    mirror.taps++
    this.#keep(piece)
    this.#whole = piece.last
  }

  get edits (): FieldEdits | null { return this.#how.edits }

  requestBody (piece: BodyPiece): void {
    if (this.#closed || this.#whole) return
    this.#keep(piece)
    if (!piece.last) return
    this.#whole = true
    this.#wholeMs = this.#mirror.room.context.clock.nowMs()
    if (this.#head !== null) this.#sendSoon()
  }

  #keep ({ buf, start, end }: BodyPiece): void {
    if (start === end || this.#closed) return
    this.#bodyBytes += end - start
    if (this.#bodyBytes > this.#how.spec.maxBodyBytes) return this.#drop('body')
    if (!this.#bytes.takePiece(end - start)) return this.#drop('bytes')
    this.#body.push(Buffer.from(buf.subarray(start, end)))
  }

  answerHead (head: HttpResponse, { out, headLength }: KeptRequest, facts: MirroredRequest): void {
    if (this.#closed) return
    const isSent = this.#copy !== null
    if (facts.version?.name === this.#how.spec.to) return isSent ? this.giveUp() : this.#drop('same_version')
    if (!isSent && !this.#bytes.take(headLength)) return this.#drop('bytes')
    const connectMs = facts.attempts === 1 && !facts.reused ? Math.max(0, facts.connectMs) : 0
    const firstByteMs = Math.max(0, this.#mirror.room.context.clock.nowMs() - this.#wholeMs - connectMs)
    this.#realVersion = facts.version?.name ?? ''
    // What came behind an earlier head was no answer, and another attempt has been made.
    this.#real = new SeenAnswer(head, firstByteMs, this.#how.terms, this.#bytes)
    if (isSent) return
    this.#head = Buffer.from(out.subarray(0, headLength))
    if (this.#whole) this.#sendSoon()
  }

  answerBody (buf: Buffer, start: number, end: number): void {
    const real = this.#real
    if (this.#closed || real === null || real.done) return
    real.add(buf, start, end)
    // It may go on for long.
    if (real.done) this.#settleSoon()
  }

  answerEnd (buf: Buffer, start: number, end: number): void {
    if (this.#closed || this.#real === null) return
    this.#real.add(buf, start, end)
    this.#real.done = true
  }

  over (): void {
    this.#realOver = true
    if (this.#closed) return
    if (this.#real === null) this.#drop('no_answer')
    else if (!this.#whole) this.#drop('incomplete')
    else this.#settleSoon()
  }

  /** JSON takes a moment to compare, and the client may have sent another request. */
  #settleSoon (): void {
    if (this.#copyEnded) this.#mirror.room.context.afterReads(() => { this.#settle() })
  }

  /** When everything that has come in by now is handled, real answers before all. */
  #sendSoon (): void {
    this.#mirror.room.context.afterReads(() => { this.#send() })
  }

  #send (): void {
    const { room } = this.#mirror
    const head = this.#head
    if (this.#closed || head === null || this.#copy !== null) return
    const refusal = room.refusal(this.#mirror.share)
    if (refusal !== null) return this.#drop(refusal)
    const endpoint = this.#mirror.pick(this.#keyHash)
    if (typeof endpoint === 'string') return this.#drop(endpoint)
    const { terms, fields, spec, idempotent, toHead } = this.#how
    room.begin(this, this.#mirror.share)
    this.#mirror.tally.sent++
    this.#endpoint = endpoint
    const { bytes, headLength } = copiedRequest(head, this.#body, fields)
    this.#body = []
    room.context.deadlines.add(this)
    this.deadlineMs = room.context.clock.nowMs() + spec.timeoutMs
    this.#copy = new ShadowCopy(room.context, {
      bytes, headLength, idempotent, toHead, calls: endpoint.calls, terms, room: this.#bytes
    }, failure => { this.#onCopyEnd(failure) })
    this.#copy.start()
  }

  #onCopyEnd (failure: ShadowFailure | null): void {
    if (this.#closed) return
    this.#copyEnded = true
    if (failure !== 'shed') this.#endpoint?.note(failure !== 'connect', this.#mirror.room.context.clock)
    if (failure !== null) this.#fail(failure)
    else this.#settle()
  }

  onDeadline (): void {
    if (this.#copyEnded) return this.giveUp()
    this.#copy?.cancel()
    this.#fail('timeout')
  }

  sheddable (): Sheddable { return { rank: 0, bytes: this.#bytes.bytes, movedMs: 0 } }

  shed (): void {
    if (this.#copyEnded) return this.giveUp()
    this.#copy?.cancel()
    this.#fail('shed')
  }

  #fail (failure: ShadowFailure): void {
    this.#mirror.tally.failed[failure]++
    if (failure !== 'shed') this.#judge(null, true)
    this.#noteExample(failure, NO_FIELDS)
    this.#close()
  }

  /** Compares, when both answers have been seen. */
  #settle (): void {
    const real = this.#real
    const shadow = this.#copy?.answer ?? null
    if (this.#closed || !this.#copyEnded || real === null || shadow === null) return
    if (!real.done && !real.isStream) {
      if (this.#realOver) this.giveUp()
      return
    }
    this.#compare(real, shadow)
    this.#close()
  }

  #compare (real: SeenAnswer, shadow: SeenAnswer): void {
    const { difference, headers } = compareAnswers(real, shadow, this.#how.terms)
    const { tally } = this.#mirror
    this.#mirror.noteLatency('real', real)
    this.#mirror.noteLatency('shadow', shadow)
    if (real.body?.cut === true) tally.cut++
    if (difference === 'unknown') {
      tally.uncompared++
      return
    }
    this.#judge(shadow, difference !== null)
    if (difference === null) {
      tally.same++
    } else {
      tally.different[difference]++
      if (shadow.status >= 500 && real.status < 500) tally.serverErrors++
      this.#noteExample(difference, headers)
    }
  }

  /** Tells whoever judges the version. */
  #judge (copy: SeenAnswer | null, different: boolean): void {
    const real = this.#real
    if (this.#watch === undefined || real === null) return
    this.#watch.addCopy({
      requestNumber: this.#requestNumber,
      realVersion: this.#realVersion,
      copyVersion: this.#how.spec.to,
      endpoint: this.#endpoint?.key ?? '',
      real,
      copy,
      different
    })
  }

  giveUp (): void {
    this.#copy?.cancel()
    this.#mirror.tally.uncompared++
    this.#close()
  }

  #noteExample (kind: ShadowDifference | ShadowFailure, headers: readonly string[]): void {
    const [head, real] = [this.#head, this.#real]
    if (head === null || real === null) return
    this.#mirror.noteExample(() => ({
      wallMs: this.#mirror.room.context.clock.wallMs(),
      kind,
      requestId: this.#requestId,
      ...requestLine(head),
      endpoint: this.#endpoint?.key ?? '',
      headers,
      real: real.describe(),
      shadow: this.#copy?.answer?.describe() ?? null
    }))
  }

  #drop (reason: ShadowDrop): void {
    this.#mirror.drop(reason)
    this.#close()
  }

  #close (): void {
    if (this.#closed) return
    this.#closed = true
    this.#mirror.taps--
    this.deadlineMs = 0
    if (this.#copy !== null) {
      this.#mirror.room.context.deadlines.remove(this)
      this.#mirror.room.end(this, this.#mirror.share)
    }
    this.#copy = null
    this.#head = null
    this.#real = null
    this.#body = []
    this.#bytes.close()
  }
}
