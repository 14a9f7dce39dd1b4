import { splittingChecks } from '../fuzz/splitting-checks.ts'
import { checkInSuite } from '../fuzz/check-in-suite.ts'

checkInSuite(splittingChecks)
