import { proxyErrorRow } from '../core/proxy-error.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'

/** What a failure is called in reasons and logs: the code of the error, or the status that the endpoint sent. */
export type FailureCause = ProxyErrorCode | 'status_502' | 'status_503' | 'status_504'

/** What an attempt says about its endpoint; `none` is nothing, neither good nor bad. */
export type EndpointOutcome = 'success' | 'none' | FailureCause

/**
 * Classifies an attempt that is over. A failure is what the table of errors blames on the endpoint, or an answer of 502, 503 or 504:
 * that the endpoint cannot serve. A 500 is the application's answer and says that the endpoint works.
 * @param error the attempt's error; null when the answer was relayed to its end
 * @param status the status of the endpoint's answer
 */
export function outcomeOf (error: ProxyErrorCode | null, status: number): EndpointOutcome {
  if (error !== null) return proxyErrorRow(error).blamesEndpoint ? error : 'none'
  switch (status) {
    case 502: return 'status_502'
    case 503: return 'status_503'
    case 504: return 'status_504'
    default: return 'success'
  }
}
