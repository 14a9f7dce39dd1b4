/**
 * `npm run fuzz`: the properties of the HTTP/1.1 codec and of whole conversations with a running data plane, with as many random
 * inputs as fit into FUZZ_SECONDS (default 60) and a new seed each time. FUZZ_SEED repeats a run, and with FUZZ_PATH the input
 * that failed; words on the command line choose the properties whose names hold them.
 * Ends with 1 when a property does not hold, after all of them have been tried.
 */
import { randomInt } from 'node:crypto'
import t from 'tap'
import { allChecks } from './fuzz/all-checks.ts'

// The helpers of the tests bring tap along, which ends a program after 30 s.
t.setTimeout(0)

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 60)
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31))
if (!(seconds > 0) || !Number.isInteger(seed)) {
  console.error('fuzz: FUZZ_SECONDS is a number of seconds and FUZZ_SEED an integer')
  process.exit(1)
}

const path = process.env['FUZZ_PATH']

const words = process.argv.slice(2)
const chosen = allChecks.filter(({ name }) => words.every(word => name.includes(word)))
if (chosen.length === 0) {
  console.error(`fuzz: no property is called so; there are\n${allChecks.map(({ name }) => `  ${name}`).join('\n')}`)
  process.exit(1)
}

console.log(`fuzz: ${chosen.length} properties, ${seconds} s, seed ${seed}`)
const shares = chosen.reduce((sum, { share = 1 }) => sum + share, 0)
let failed = 0
for (const check of chosen) {
  try {
    const timeMs = seconds * 1000 * (check.share ?? 1) / shares
    const tried = await check.run({ seed, timeMs, ...(path === undefined ? {} : { path }) })
    console.log(`held   ${check.name} (${tried} inputs)`)
  } catch (error) {
    failed++
    const cause = error instanceof Error && error.cause instanceof Error ? `\n${error.cause.message}` : ''
    console.error(`FAILED ${check.name}\n${error instanceof Error ? error.message : String(error)}${cause}`)
  }
}
console.log(`fuzz: ${chosen.length - failed} held, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
