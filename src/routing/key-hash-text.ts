/** The hash of a sticky key as the access log and explanations show it: eight hexadecimal digits. */
export function keyHashText (keyHash: number): string {
  return (keyHash >>> 0).toString(16).padStart(8, '0')
}
