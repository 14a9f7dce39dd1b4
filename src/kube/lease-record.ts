/**
 * A Lease (https://kubernetes.io/docs/concepts/architecture/leases/) as it is read, whoever has written it, and as it is written.
 */
import { asObject, asText } from '../core/untrusted.ts'
import { readStoredObject, type StoredObject, writtenMetadata } from './stored-object.ts'

export const LEASE_GROUP_VERSION = 'coordination.k8s.io/v1'

/** The spec of a Lease as Weir writes it; the names are those of the API. */
export interface LeaseSpec {
  readonly holderIdentity: string
  /** At least 1. */
  readonly leaseDurationSeconds: number
  /** MicroTime: RFC 3339 with exactly six digits behind the point. */
  readonly acquireTime: string
  readonly renewTime: string
  /** How often it has changed hands. */
  readonly leaseTransitions: number
}

export interface LeaseRecord extends StoredObject {
  /** Empty: nobody. */
  readonly holder: string
  /** What it says of its duration; 0 when it says nothing that can be used. */
  readonly durationMs: number
  /** Of the clock of whoever wrote it: compared for equality, shown to people. */
  readonly acquireTime: string
  readonly renewTime: string
  readonly transitions: number
  /** All that it says, to see whether it has changed. */
  readonly text: string
}

/** What a holder leaves behind that has given it up, as client-go does: the others need not wait. */
export const RELEASED_SECONDS = 1
/** leaseTransitions is a signed number of 32 bits. */
const MAX_TRANSITIONS = 2 ** 31 - 1
const MAX_HOLDER_LENGTH = 512
const MAX_TIME_LENGTH = 40
const MAX_TEXT_LENGTH = 2_000

/** Reads what anybody may have written; what can't be used counts as not said. */
export function readLease (object: unknown): LeaseRecord {
  const spec = asObject(asObject(object)?.['spec']) ?? {}
  return {
    ...readStoredObject(object),
    holder: (asText(spec['holderIdentity']) ?? '').slice(0, MAX_HOLDER_LENGTH),
    durationMs: wholeNumber(spec['leaseDurationSeconds']) * 1_000,
    acquireTime: (asText(spec['acquireTime']) ?? '').slice(0, MAX_TIME_LENGTH),
    renewTime: (asText(spec['renewTime']) ?? '').slice(0, MAX_TIME_LENGTH),
    transitions: Math.min(wholeNumber(spec['leaseTransitions']), MAX_TRANSITIONS),
    text: JSON.stringify(spec).slice(0, MAX_TEXT_LENGTH)
  }
}

function wholeNumber (value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}

/** Has its holder given it up? A Lease that somebody has emptied by hand does not say so: its holder may go on for a while. */
export function isReleased ({ holder, durationMs }: LeaseRecord): boolean {
  return holder === '' && durationMs === RELEASED_SECONDS * 1_000
}

/** The number of its next holder. */
export function nextTransition (record: LeaseRecord | undefined): number {
  return record === undefined ? 0 : Math.min(record.transitions + 1, MAX_TRANSITIONS)
}

/** @param over the Lease that is written over; undefined for a new one */
export function leaseObject (name: string, spec: LeaseSpec, over: LeaseRecord | undefined): unknown {
  return { apiVersion: LEASE_GROUP_VERSION, kind: 'Lease', metadata: writtenMetadata(name, over), spec }
}

/**
 * A time as a MicroTime.
 * @param other one that the result differs from, so that a renewal changes something on a clock that stands still too
 */
export function microTime (wallMs: number, other = ''): string {
  const text = new Date(wallMs).toISOString().replace('Z', '000Z')
  return text === other ? text.replace('000Z', '001Z') : text
}
