/**
 * One endpoint of five goes bad and gets well again, in a simulated second after second of traffic: what the parts do together.
 */
import t from 'tap'
import { createBalancer } from '../../../src/balancing/balancer.ts'
import type { RouteConfig } from '../../../src/config/schema.ts'
import { Random } from '../../../src/core/random.ts'
import { EndpointHealth, type EndpointOutcome } from '../../../src/health/endpoint-health.ts'
import { VersionHealth } from '../../../src/health/version-health.ts'
import { ejectionPolicy, healthPolicy, SUCCESS_RATE } from '../../helpers/health-policy.ts'
import { memberSetter } from '../../helpers/set-members.ts'

const setMembers = memberSetter()

class Member {
  readonly health: EndpointHealth
  readonly hash: number
  inFlight = 0
  eligible = true

  constructor (index: number) {
    this.health = new EndpointHealth(`10.0.0.${index}:80`)
    this.hash = index
  }
}

/** What the bad endpoint does with a request, and after how long. Undefined: what the good ones do. */
type Behaviour = (nowMs: number, random: Random) => { readonly outcome: EndpointOutcome, readonly ms: number } | undefined

const REQUESTS_PER_MS = 2
const GOOD = { outcome: 'success', ms: 5 } as const

/** Runs the traffic and gives, for each second, how many requests failed and how many the bad endpoint served. */
function simulate (seconds: number, balancing: RouteConfig['balancing'], behaviour: Behaviour) {
  const random = new Random(1)
  const members = Array.from({ length: 5 }, (_, index) => new Member(index))
  const version = new VersionHealth<Member>(healthPolicy({ ejection: ejectionPolicy({ successRate: SUCCESS_RATE }) }), () => {})
  setMembers(version, members, 0)
  const balancer = createBalancer(balancing, 'version', () => random.nextInt32())
  const due = new Map<number, (() => void)[]>()
  const result = Array.from({ length: seconds }, () => ({ failed: 0, byBad: 0 }))

  const pick = (): Member | undefined => {
    const first = version.usable[balancer.pick(version.usable, random.nextInt32())]
    if (first === undefined || !version.restrained || version.admits(first.health, first.inFlight, random.nextInt32())) return first
    first.eligible = false
    const second = version.usable[balancer.pick(version.usable, random.nextInt32())]
    first.eligible = true
    return second ?? first
  }
  for (let nowMs = 0; nowMs < seconds * 1_000; nowMs++) {
    for (const end of due.get(nowMs) ?? []) end()
    due.delete(nowMs)
    if (nowMs % 100 === 0) version.tick(nowMs)
    for (let n = 0; n < REQUESTS_PER_MS; n++) {
      const member = pick()
      if (member === undefined) continue
      const { outcome, ms } = (member === members[2] ? behaviour(nowMs, random) : undefined) ?? GOOD
      member.inFlight++
      const end = () => {
        member.inFlight--
        version.report(member.health, outcome, nowMs + ms, nowMs)
        const second = result[Math.floor((nowMs + ms) / 1_000)]
        if (second === undefined) return
        if (outcome !== 'success') second.failed++
        else if (member === members[2]) second.byBad++
      }
      due.set(nowMs + ms, [...due.get(nowMs + ms) ?? [], end])
    }
  }
  return result
}

const PER_SECOND = REQUESTS_PER_MS * 1_000

for (const balancing of ['least-request', 'round-robin', 'rendezvous'] as const) {
  t.test(`an endpoint that answers 503 is out of use at once, and back when it is well (${balancing})`, async t => {
    const result = simulate(40, balancing, nowMs => nowMs >= 2_000 && nowMs < 25_000 ? { outcome: 'status_503', ms: 1 } : undefined)
    t.equal(result.slice(0, 2).reduce((sum, { failed }) => sum + failed, 0), 0)
    for (const [second, { failed }] of result.entries()) t.ok(failed < PER_SECOND / 100, `second ${second}: ${failed} failed`)
    t.ok(result.reduce((sum, { failed }) => sum + failed, 0) < 30, 'and trials cost one request each, now and then')
    t.ok((result.at(-1)?.byBad ?? 0) > PER_SECOND * 0.15, 'it has its share again')
  })

  t.test(`an endpoint that hangs is out of use when its first requests time out (${balancing})`, async t => {
    const result = simulate(40, balancing, nowMs => nowMs >= 2_000 && nowMs < 25_000 ? { outcome: 'upstream_timeout', ms: 800 } : undefined)
    // The first time-outs come at 2.8 s; what was sent until then has timed out by 3.7 s.
    for (const [second, { failed }] of result.entries()) if (second < 2 || second > 3) t.ok(failed < PER_SECOND / 100, `second ${second}: ${failed} failed`)
    t.ok((result.at(-1)?.byBad ?? 0) > PER_SECOND * 0.15, 'it has its share again')
  })
}

t.test('an endpoint that fails every other request is found at the end of the interval', async t => {
  const result = simulate(60, 'round-robin', (nowMs, random) => nowMs < 15_000 && (random.nextInt32() & 1) === 0 ? { outcome: 'upstream_reset', ms: 1 } : undefined)
  for (const [second, { failed }] of result.entries()) if (second > 10) t.ok(failed < PER_SECOND / 100, `second ${second}: ${failed} failed`)
  t.ok((result.at(-1)?.byBad ?? 0) > PER_SECOND * 0.15, 'it has its share again')
})
