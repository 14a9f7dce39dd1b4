import { robustnessChecks } from '../fuzz/robustness-checks.ts'
import { checkInSuite } from '../fuzz/check-in-suite.ts'

checkInSuite(robustnessChecks)
