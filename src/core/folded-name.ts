/**
 * A field name as origins fold it (CGI, WSGI, lighttpd, PHP): in lower case, with a dash for every character that is no letter or digit.
 * The codec of HTTP/1 does the same over bytes (src/http1/char-table.ts).
 */
export function foldedName (name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
}
