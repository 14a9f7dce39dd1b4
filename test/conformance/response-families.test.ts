/**
 * The faults of the smuggling families, made by an origin: a client sees a 502, or that its answer is incomplete, or exactly what
 * a strict reader sees; and whatever the origin sent, the next request and the next client get their own answers.
 */
import t, { type Test } from 'tap'
import { proxyTest } from '../helpers/data-plane.ts'
import { observeResponse, type ObservedResponse } from '../helpers/observe-response.ts'
import { responseFramingFamilies, type ResponseVariant } from './response-framing-families.ts'

const families = responseFramingFamilies()

function judge (t: Test, { what, outcome }: ResponseVariant, seen: ObservedResponse): void {
  t.strictSame([seen.faults, seen.after], [[], 'its own answer'], `${what} harms nobody`)
  const [first, second] = seen.answers
  if (second !== undefined) t.strictSame(second, [200, '/second'], 'the second question gets its own answer')
  if (outcome !== 'refused') {
    t.equal(first?.[1], outcome.body, `${what} is what a strict reader sees`)
    t.equal(seen.answers.length, 2)
  } else if (first === undefined) {
    t.equal(seen.cut, true, `${what} is seen to be incomplete`)
  } else {
    t.equal(first[0], 502, `${what} is a 502`)
    t.match(JSON.parse(first[1]), { code: /^upstream_(malformed|reset|truncated)$/ })
  }
}

t.test('the families are many, and no variant is there twice', async t => {
  const variants = families.flatMap(family => family.variants)
  t.ok(variants.length >= 300, `${variants.length} variants`)
  t.equal(new Set(variants.map(({ bytes, end }) => `${end} ${bytes}`)).size, variants.length)
})

for (const { name, variants, hasSurplus } of families) {
  for (const piecewise of hasSurplus ? [false] : [false, true]) {
    proxyTest(`${name}, ${piecewise ? 'byte by byte' : 'in one piece'}`, async (t, bench) => {
      for (const variant of variants) {
        if (piecewise && variant.bytes.length > 2_000) continue
        judge(t, variant, await observeResponse(bench, { ...variant, piecewise }))
      }
    })
  }
}
