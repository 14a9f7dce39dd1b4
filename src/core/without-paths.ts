/** In quotes, as Node names a file that it could not open; it may have spaces then. */
const QUOTED = /(['"`])\.{0,2}\/[^'"`\n]*\1/g
/** By itself. What comes after a letter, a digit or another slash is part of a URL, a name or a range of addresses. */
const BARE = /(?<!::)(?<=^|[\s(=:,;'"`])\.{0,2}\/(?!\/)[^\s'"`,;:)]+/g

/**
 * An error's text for whoever may read the admin API: where files lie on this machine is nobody's business but that of the log. The texts
 * come from the operating system, from libraries and from what plugins print, so paths are found by their form.
 */
export function withoutPaths (text: string): string {
  return text.replace(QUOTED, '(a path)').replace(BARE, '(a path)')
}
