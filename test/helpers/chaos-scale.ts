/** CHAOS_FULL=1 runs the scenarios in their full size; otherwise they are small enough for every run of the suite. */
export const FULL = process.env['CHAOS_FULL'] === '1'

/** One of two sizes. */
export function scaled (small: number, full: number): number {
  return FULL ? full : small
}

/** What both sizes have in common: clients, and a rate in requests a second. */
export const CHAOS_LOAD = { clients: 32, rate: scaled(500, 2_000) } as const
