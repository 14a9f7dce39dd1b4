/** What comes of a change of weights that somebody has asked for. */
import { StoreError } from '../store/state-store.ts'
import type { RouteTraffic, SplitReceipt } from './traffic-state.ts'
import type { TransitionErrorCode } from './transition.ts'

/** Why a change was not made. */
export type ChangeErrorCode = TransitionErrorCode | 'unknown_route' | 'epoch_mismatch' | 'store_conflict' | 'store_failed'

export type ChangeResult =
  | {
    readonly ok: true
    /** False when the route already had these weights: no new epoch, no entry in the history. */
    readonly changed: boolean
    readonly traffic: RouteTraffic
    /** Resolves when the workers have applied it or the time is over; never rejects. */
    readonly published: Promise<SplitReceipt>
  }
  | {
    readonly ok: false
    readonly error: {
      readonly code: ChangeErrorCode
      readonly message: string
      /** The epoch of the route, where there is one. */
      readonly epoch?: number
    }
  }

export interface ChangeOptions {
  /** The change is made only if the route's epoch is one of these. */
  readonly ifEpoch?: readonly number[]
  /** How long `published` waits for the workers. 5 s by default. */
  readonly publishTimeoutMs?: number
}

export function refusedChange (code: ChangeErrorCode, message: string, epoch?: number): ChangeResult {
  return { ok: false, error: epoch === undefined ? { code, message } : { code, message, epoch } }
}

/** A change that the store has not taken. */
export function refusedByStore (error: unknown): ChangeResult {
  return refusedChange('store_failed', error instanceof StoreError ? storeAdvice(error) : 'the state store failed; the log says more')
}

/** What a client of the API may know of a failed store: no paths. */
function storeAdvice (error: StoreError): string {
  if (error.advice !== undefined) return error.advice
  switch (error.code) {
    case 'no-space': return 'the state can\'t be stored: no space is left; nothing was changed'
    case 'not-permitted': return 'the state can\'t be stored: Weir may not write it; nothing was changed, and the log says more'
    case 'too-large': return 'the state can\'t be stored: it has grown past its bound; nothing was changed, and the log says more'
    case 'unavailable': return `${error.message}; it may be made all the same: read the route again`
    case 'read-only': return `${error.message}; nothing was changed`
    default: return 'the state can\'t be stored; nothing was changed, and the log says more'
  }
}
