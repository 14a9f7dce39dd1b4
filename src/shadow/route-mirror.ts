/**
 * The mirror of one route in one worker: which requests are copied, where copies go, and what has come of them since the last report.
 */
import type { MirrorSpec } from '../contract/mirror-spec.ts'
import {
  emptyShadowTally, type ShadowDrop, type ShadowExample, type ShadowReport, type ShadowTally
} from '../contract/shadow-report.ts'
import type { Balancer } from '../balancing/balancer.ts'
import { hashString, mix32 } from '../core/hash.ts'
import type { FieldEdits } from '../http/field-edits.ts'
import type { BodyPiece, HttpRequest } from '../http/http-request.ts'
import { isIdempotent, isSafe } from '../http/idempotent.ts'
import { LATENCY_BOUNDS_S } from '../telemetry/counter-layout.ts'
import type { VersionPool } from '../upstream/version-pool.ts'
import { parseJsonPath } from './canonical-json.ts'
import { fieldsLeftOut } from './copied-request.ts'
import { type CompareTerms, compareTerms, type SeenAnswer } from './seen-answer.ts'
import { type ShadowEndpoint, ShadowEndpoints } from './shadow-endpoints.ts'
import type { Mirror, MirroredRequest, ShadowTap } from './shadow-port.ts'
import { RequestTap, type TapOwner } from './request-tap.ts'
import { RouteShare, type ShadowRoom } from './shadow-room.ts'

/** Keeps who is copied apart from who gets which version. */
const SALT_SEED = 0x5eed_5ad0 | 0
/** Examples of one report: ten reports a second are more than anybody reads. */
const MAX_EXAMPLES = 8

/** What a mirror works with. */
export interface MirrorParts {
  readonly spec: MirrorSpec
  /** The version that gets the copies. */
  readonly pool: VersionPool
  /** What is changed in requests to it. */
  readonly edits: FieldEdits | null
  /** Of the copies alone. */
  readonly balancer: Balancer
}

/** What tells whether and how a request is copied. All of it is replaced at once. */
interface MirrorTerms extends MirrorParts, CompareTerms {
  /** Of 2^32. */
  readonly threshold: number
  readonly fields: ReadonlySet<string>
}

export class RouteMirror implements Mirror, TapOwner {
  readonly room: ShadowRoom
  readonly share = new RouteShare()
  #terms: MirrorTerms
  readonly #salt: number
  readonly #endpoints = new ShadowEndpoints()
  #tally: ShadowTally = emptyShadowTally(LATENCY_BOUNDS_S.length + 1)
  #examples: ShadowExample[] = []
  #told = true
  /** Copied requests that are not over. */
  taps = 0

  constructor (route: string, room: ShadowRoom, parts: MirrorParts) {
    this.room = room
    this.#salt = hashString(route, SALT_SEED)
    this.#terms = termsOf(parts)
  }

  /** Puts other terms in force. Copies that are on their way keep theirs. */
  configure (parts: MirrorParts): void {
    this.#terms = termsOf(parts)
    this.#endpoints.retain(parts.pool)
  }

  tap (request: HttpRequest, facts: MirroredRequest, piece: BodyPiece): ShadowTap | null {
    const terms = this.#terms
    const { spec } = terms
    if ((mix32(facts.keyHash ^ this.#salt) >>> 0) >= terms.threshold || facts.version?.name === spec.to) return null
    // A copy is not copied again, whoever has made it. A login and a protocol of its own belong to one connection.
    if (request.asksUpgrade || request.logsIn || request.header('x-weir-shadow') !== undefined) return null
    this.tally.drawn++
    const refusal = mayCopy(request, spec) ? request.length > spec.maxBodyBytes ? 'body' : this.room.refusal(this.share) : 'method'
    if (refusal !== null) {
      this.drop(refusal)
      return null
    }
    const { edits, fields } = terms
    const how = { terms, edits, fields, spec, idempotent: isIdempotent(request), toHead: request.methodIs('HEAD') }
    return new RequestTap(this, how, facts, piece)
  }

  /** What is counted. Whoever asks adds to it. */
  get tally (): ShadowTally {
    this.#told = false
    return this.#tally
  }

  drop (reason: ShadowDrop): void { this.tally.dropped[reason]++ }

  noteLatency (side: 'real' | 'shadow', { firstByteMs }: SeenAnswer): void {
    const seconds = firstByteMs / 1000
    const latency = this.tally.latency[side]
    const bucket = LATENCY_BOUNDS_S.findIndex(bound => seconds <= bound)
    const at = bucket < 0 ? LATENCY_BOUNDS_S.length : bucket
    latency.sumS += seconds
    latency.buckets[at] = (latency.buckets[at] ?? 0) + 1
  }

  noteExample (example: () => ShadowExample): void {
    if (this.#examples.length < MAX_EXAMPLES) this.#examples.push(example())
  }

  /** An endpoint for a copy, or why there is none. */
  pick (keyHash: number): ShadowEndpoint | 'no_endpoint' | 'unreachable' {
    const { pool, balancer } = this.#terms
    const picked = pool.pickBy(balancer, keyHash)
    if (picked === undefined) return 'no_endpoint'
    const endpoint = this.#endpoints.of(picked)
    return endpoint.rests(this.room.context.clock) ? 'unreachable' : endpoint
  }

  /** What has come since the last call; null when nothing has. */
  take (): ShadowReport | null {
    if (this.#told) return null
    const report = { counts: this.#tally, examples: this.#examples }
    this.#tally = emptyShadowTally(LATENCY_BOUNDS_S.length + 1)
    this.#examples = []
    this.#told = true
    return report
  }

  /** Nothing will be told any more, unless requests are copied again. */
  get idle (): boolean { return this.#told && this.taps === 0 }

  /** To be called a few times a second. */
  tick (): void { this.#endpoints.retain(this.#terms.pool) }

  /** Nothing is copied any more. Copies on their way may end. */
  close (): void { this.#endpoints.close() }
}

function termsOf (parts: MirrorParts): MirrorTerms {
  const { spec } = parts
  return {
    ...parts,
    ...compareTerms(spec, (spec.compare?.ignoreJsonPaths ?? []).map(parseJsonPath)),
    threshold: spec.percent / 100 * 2 ** 32,
    fields: fieldsLeftOut(spec)
  }
}

/** TRACE would show the fields of the request to whoever reads the answer, and CONNECT is no request for a version. */
function mayCopy (request: HttpRequest, { methods }: MirrorSpec): boolean {
  if (request.methodIs('TRACE') || request.methodIs('CONNECT')) return false
  return methods === 'all' || isSafe(request)
}
