/** What comes of a change of weights that somebody has asked for. */
import { StoreError } from '../store/state-store.ts'
import type { RouteTraffic, SplitReceipt } from './traffic-state.ts'
import type { Refusal, TransitionErrorCode } from './transition-result.ts'

/** Why a change was not made. */
export type ChangeErrorCode = TransitionErrorCode | 'unknown_route' | 'epoch_mismatch' | 'store_conflict' | 'store_failed'

interface MadeChange {
  readonly ok: true
  /** False when the route already had these weights: no new epoch, no entry in the history. */
  readonly changed: boolean
  readonly traffic: RouteTraffic
  /** Resolves when the workers have applied it or the time is over; never rejects. */
  readonly published: Promise<SplitReceipt>
}

export interface RefusedChange {
  readonly ok: false
  readonly error: {
    readonly code: ChangeErrorCode
    readonly message: string
    /** The epoch of the route, where there is one. */
    readonly epoch?: number
    /** Of a rollout: what may be asked of it instead. */
    readonly possible?: readonly string[]
  }
}

export type ChangeResult = MadeChange | RefusedChange

/** `settled` resolves when it is stored, was not needed any more, or could not be stored at the first try; never rejects. */
export type CutResult = (MadeChange & { readonly settled: Promise<undefined> }) | RefusedChange

export interface ChangeOptions {
  /** The change is made only if the route's epoch is one of these. */
  readonly ifEpoch?: readonly number[]
  /** How long `published` waits for the workers. 5 s by default. */
  readonly publishTimeoutMs?: number
  /** Whoever asks says itself that the store has failed. */
  readonly quiet?: boolean
}

export function refusedChange (code: ChangeErrorCode, message: string, epoch?: number): RefusedChange {
  return { ok: false, error: epoch === undefined ? { code, message } : { code, message, epoch } }
}

/** What the rules of weights and rollouts do not allow. */
export function refusedTransition ({ error }: Refusal, { epoch }: RouteTraffic): RefusedChange {
  return { ok: false, error: { ...error, epoch } }
}

/** Undefined: the route is at an epoch for which the change is meant. */
export function refusedEpoch ({ epoch }: RouteTraffic, { ifEpoch }: ChangeOptions): RefusedChange | undefined {
  if (ifEpoch === undefined || ifEpoch.includes(epoch)) return undefined
  return refusedChange('epoch_mismatch', `the route is at epoch ${epoch}; read it again and decide anew`, epoch)
}

/** A change that the store has not taken. */
export function refusedByStore (error: unknown): RefusedChange {
  if (error instanceof StoreError && error.advice !== undefined) return refusedChange('store_failed', error.advice)
  const isMadeMaybe = error instanceof StoreError && error.code === 'unavailable'
  const after = isMadeMaybe ? 'it may be made all the same: read the route again' : 'nothing was changed'
  return refusedChange('store_failed', `${storeFault(error)}; ${after}`)
}

/** What a client of the API may know of a failed store: no paths. */
export function storeFault (error: unknown): string {
  if (!(error instanceof StoreError)) return 'the state store failed, and the log says more'
  if (error.advice !== undefined) return error.advice
  switch (error.code) {
    case 'no-space': return 'the state can\'t be stored: no space is left'
    case 'not-permitted': return 'the state can\'t be stored: Weir may not write it, and the log says more'
    case 'too-large': return 'the state can\'t be stored: it has grown past its bound, and the log says more'
    case 'unavailable':
    case 'read-only': return error.message
    default: return 'the state can\'t be stored, and the log says more'
  }
}
