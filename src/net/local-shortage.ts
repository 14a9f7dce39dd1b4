/**
 * Errors of the system that say that this process or machine has no room for another connection: descriptors (of the process,
 * of the system), memory, or ports to connect from. They say nothing of whoever was to be connected to.
 */
const SHORTAGES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])

/** Is an error code one of them? */
export function isLocalShortage (code: unknown): boolean {
  return typeof code === 'string' && SHORTAGES.has(code)
}
