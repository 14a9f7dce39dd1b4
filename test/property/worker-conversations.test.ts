/**
 * Whole conversations, mutated in all ways, against a running data plane: for as long as the suite has time.
 */
import t from 'tap'
import { conversationChecks } from '../fuzz/conversation-checks.ts'

/** `npm run fuzz` draws others. */
const SEED = 20_250_703
const TIME_MS = 2_500
/** Fewer mean little: on a machine that is busy with other tests, so many are held however long they take. */
const FEWEST = 4

for (const check of conversationChecks) {
  t.test(check.name, async t => {
    const seed = Number(process.env['FUZZ_SEED'] ?? SEED)
    const inTime = await check.run({ seed, runs: check.runs, timeMs: TIME_MS })
    const tried = inTime >= FEWEST ? inTime : await check.run({ seed, runs: FEWEST })
    t.comment(`seed ${seed}, ${tried} conversations`)
    t.ok(tried >= FEWEST, 'enough of them to mean something')
  })
}
