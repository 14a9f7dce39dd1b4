/**
 * A list of clients as a request asks it.
 */

/** Of UTF-8: no member is longer. */
export const MAX_MEMBER_BYTES = 256

/** Who is on a list. */
export interface Membership {
  /**
   * Is this text a member? It runs for every request of a route with the list.
   * @param text a field or cookie as it was sent, a character for each byte; or the canonical address of a client
   */
  has (text: string): boolean
}
