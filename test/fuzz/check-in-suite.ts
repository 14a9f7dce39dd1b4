import t from 'tap'
import { propertyRuns } from '../helpers/property-runs.ts'
import type { FuzzCheck } from './fuzz-check.ts'

/** The same inputs in each run, so that a change that passes here passes everywhere; `npm run fuzz` draws others. */
const SEED = 20_250_612

/** Makes each check a test, with the number of inputs that the suite has time for. FUZZ_SEED chooses other inputs, FUZZ_TIMES more. */
export function checkInSuite (checks: readonly FuzzCheck[]): void {
  const seed = Number(process.env['FUZZ_SEED'] ?? SEED)
  t.comment(`seed ${seed}`)
  for (const check of checks) {
    t.test(check.name, async t => {
      const runs = propertyRuns(check.runs)
      t.equal(await check.run({ seed, runs }), runs, `${runs} inputs`)
    })
  }
}
