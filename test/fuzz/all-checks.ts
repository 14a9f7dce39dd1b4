import { agreementChecks } from './agreement-checks.ts'
import { conversationChecks } from './conversation-checks.ts'
import { forwardingChecks } from './forwarding-checks.ts'
import type { FuzzCheck } from './fuzz-check.ts'
import { robustnessChecks } from './robustness-checks.ts'
import { splittingChecks } from './splitting-checks.ts'

/** Everything that `npm run fuzz` tries. */
export const allChecks: readonly FuzzCheck[] = [...agreementChecks, ...splittingChecks, ...forwardingChecks, ...robustnessChecks, ...conversationChecks]
