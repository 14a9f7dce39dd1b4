/**
 * The families of request smuggling, generated: whatever a client sends, it is refused and the connection ends, with nothing
 * complete at the origin, or the origin gets exactly the requests that a strict reader finds, with the same bodies.
 */
import t, { type Test } from 'tap'
import { proxyTest } from '../helpers/data-plane.ts'
import { observeRequest, targetOf, type ObservedRequest } from '../helpers/observe-request.ts'
import { requestFramingFamilies, type FramingVariant } from './request-framing-families.ts'

const REFUSALS = new Set([400, 405, 417, 501, 505])
const families = requestFramingFamilies()

function judge (t: Test, { what, outcome }: FramingVariant, seen: ObservedRequest): void {
  const got = {
    statuses: seen.statuses,
    bodies: seen.requests.map(({ body }) => body.toString('latin1')),
    hidden: seen.requests.some(request => targetOf(request) === '/hidden'),
    faults: seen.faults,
    after: seen.after
  }
  const clean = { hidden: false, faults: [], after: 'its own answer' }
  if (typeof outcome === 'number') {
    t.strictSame({ ...got, saysClose: seen.saysClose }, { ...clean, statuses: [outcome], bodies: [], saysClose: true }, `${what} is refused with ${outcome}`)
  } else if (outcome === 'incomplete') {
    t.strictSame(got, { ...clean, statuses: [], bodies: [] }, `${what} is never complete`)
  } else {
    t.strictSame(got, { ...clean, statuses: outcome.map(() => 200), bodies: outcome }, `${what} is what a strict reader sees`)
  }
}

t.test('the families are many, and no variant is there twice', async t => {
  const variants = families.flatMap(family => family.variants)
  t.ok(variants.length >= 400, `${variants.length} variants`)
  for (const { name, variants } of families) t.equal(new Set(variants.map(({ bytes }) => bytes)).size, variants.length, name)
  t.same(variants.filter(({ outcome }) => typeof outcome === 'number' && !REFUSALS.has(outcome)), [])
})

for (const { name, variants } of families) {
  for (const piecewise of [false, true]) {
    proxyTest(`${name}, ${piecewise ? 'byte by byte' : 'in one piece'}`, async (t, bench) => {
      for (const variant of variants) {
        // What is long says nothing more byte by byte.
        if (piecewise && variant.bytes.length > 2_000) continue
        judge(t, variant, await observeRequest(bench, variant.bytes, piecewise))
      }
    })
  }
}
