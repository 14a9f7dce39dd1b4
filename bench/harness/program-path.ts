/** Where programs are looked for: Debian keeps nginx and haproxy where only root looks. */
export function programPath (): string {
  return `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
}
