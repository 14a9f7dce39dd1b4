/** What a person may do with a rollout that there is. */
export const ROLLOUT_ACTIONS = ['pause', 'resume', 'promote', 'abort', 'retry'] as const
