/**
 * The words of a verdict.
 */
import type { LabelTest } from './label-test.ts'

/** A share as a person reads it: 12 %, 0.31 %, 0 %. */
export function shareText (share: number): string {
  const value = share * 100
  const digits = value === 0 || value >= 10 ? 0 : value >= 1 ? 1 : 2
  return `${value.toFixed(digits)} %`
}

export function requestsText (kind: 'errors' | 'slow', now: number, old: number): string {
  return kind === 'errors'
    ? `The new version fails ${shareText(now)} of its requests, the old one ${shareText(old)}.`
    : `Of the new version's answers ${shareText(now)} are slow, of the old one's ${shareText(old)}.`
}

export function signsText (kind: 'errors' | 'slow', label: LabelTest): string {
  const what = kind === 'errors' ? 'a failure' : 'a slow answer'
  return `Of ${label.signs} clients with ${what}, ${label.signsOnNew} met the first one on the new version.`
}

/** @param needed ln of what the evidence has to reach */
export function evidenceText (ln: number, needed: number): string {
  return `The evidence is ${factor(ln)}; ${factor(needed)} is needed.`
}

function factor (ln: number): string {
  if (ln > Math.log(1e300)) return 'above 1e300'
  const value = Math.exp(ln)
  return value < 1e6 ? Math.round(value).toLocaleString('en-GB') : value.toExponential(1).replace('e+', 'e')
}
