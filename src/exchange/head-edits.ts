/**
 * What a version changes of a request's head, and the head without that: for the version that gets the request next, for a copy, and for
 * the log. Versions that change nothing, or all the same, keep no second head.
 */
import { foldedName } from '../core/folded-name.ts'
import type { FieldEdits } from '../http/field-edits.ts'
import type { BodyPiece, FieldBlock, HttpRequest, KeptRequest, RequestEdits } from '../http/http-request.ts'
import type { ExchangeContext } from './exchange-context.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

export class HeadEdits {
  /** Those that the kept request has. */
  made: FieldEdits | null = null
  /** The head of the request as it would be sent without edits; null when it is sent so, or nobody has to know. */
  plainHead: Buffer | null = null
  readonly #context: ExchangeContext

  constructor (context: ExchangeContext) {
    this.#context = context
  }

  /** The request is about to be sent to its first version: says what is changed of it. @param edits takes it */
  begin (request: HttpRequest, edits: RequestEdits, piece: BodyPiece, { edits: own }: VersionRuntime): void {
    if (own === null || own.request === null) return
    if (own.keepsHead) this.plainHead = this.#context.plainHead(request, edits, piece)
    edits.fields = this.made = own.request
  }

  /** What was kept, with the edits of the version that it goes to now. Those of a version that has edited it before a reload stay. */
  forVersion (version: VersionRuntime | null, kept: KeptRequest): KeptRequest {
    const edits = version === null || version.edits === null ? null : version.edits.request
    if (edits === this.made) return kept
    if (this.made === null) this.plainHead = Buffer.from(kept.out.subarray(0, kept.headLength))
    if (this.plainHead === null) return kept
    this.made = edits
    return this.#context.edited(kept, this.plainHead, edits)
  }

  /** What was kept, as the version gets it that has a copy. @param edits of that version */
  forCopy (edits: FieldEdits | null, kept: KeptRequest): KeptRequest {
    const plain = this.plainHead ?? (this.made === null && edits !== null ? kept.out.subarray(0, kept.headLength) : null)
    return plain === null ? kept : this.#context.edited(kept, plain, edits)
  }
}

/**
 * The last piece of a body with the trailers that go on, whichever version of the route gets them: an origin that takes trailers for
 * fields would have them beside what was set, or again what was taken out.
 */
export function withTrailers (piece: BodyPiece, trailers: FieldBlock, route: RouteRuntime | null): BodyPiece {
  if (route === null || route.editedFields.size === 0) return piece
  return { ...piece, trailers: withoutFields(trailers, route.editedFields) }
}

/** The lines without those of the fields. @param names as origins fold them @returns undefined when nothing is left */
function withoutFields (block: FieldBlock, names: ReadonlySet<string>): FieldBlock | undefined {
  const lines = block.toString('latin1').split(/(?<=\r\n)/)
  const kept = lines.filter(line => !names.has(foldedName(line.slice(0, line.indexOf(':')))))
  if (kept.length === lines.length) return block
  return kept.length === 0 ? undefined : Buffer.from(kept.join(''), 'latin1')
}
