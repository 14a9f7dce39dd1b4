import { forwardingChecks } from '../fuzz/forwarding-checks.ts'
import { checkInSuite } from '../fuzz/check-in-suite.ts'

checkInSuite(forwardingChecks)
