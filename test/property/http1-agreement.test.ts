import { agreementChecks } from '../fuzz/agreement-checks.ts'
import { checkInSuite } from '../fuzz/check-in-suite.ts'

checkInSuite(agreementChecks)
