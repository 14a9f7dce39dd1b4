/**
 * How long a test waits for an event before it says that the event does not come, in ms. Far longer than anything takes that works, even
 * on a machine that has thirty times as much to do as it can: what comes late is no failure, and who waits for an event loses no time by it.
 */
export const PATIENCE_MS = 60_000
