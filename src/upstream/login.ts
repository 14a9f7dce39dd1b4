/**
 * What is known of a login on a connection to an endpoint, by schemes that log in the connection: NTLM, Negotiate. Such a connection is
 * never pooled.
 */
export const LOGIN = {
  none: 0,
  /** The endpoint has asked for one. */
  offered: 1,
  /** A client has sent credentials: the connection may be logged in, or be on the way to it. */
  sent: 2
} as const
