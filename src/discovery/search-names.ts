/** As resolv.conf(5) and the C library have them. */
const DEFAULT_NDOTS = 1
const MAX_NDOTS = 15
const MAX_DOMAINS = 32

/**
 * The names that are asked for in place of one, in this order, as the system's own lookup does: in a pod, `shop.dev` is the
 * Service of the namespace `dev` and not a host of the internet of the same name. Domains to search come first for names
 * with fewer dots than `ndots`; a name that ends in a dot is complete.
 * @param resolvConf the text of /etc/resolv.conf
 */
export function searchNames (name: string, resolvConf: string): readonly string[] {
  if (name.endsWith('.')) return [name]
  const { domains, ndots } = readResolvConf(resolvConf)
  const dots = name.split('.').length - 1
  return dots < ndots ? [...domains.map(domain => `${name}.${domain}`), name] : [name]
}

function readResolvConf (text: string): { readonly domains: readonly string[], readonly ndots: number } {
  let domains: readonly string[] = []
  let ndots = DEFAULT_NDOTS
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    // The last line of the two kinds wins.
    if (keyword === 'search') domains = values
    if (keyword === 'domain') domains = values.slice(0, 1)
    if (keyword !== 'options') continue
    for (const value of values) {
      const found = /^ndots:([0-9]+)$/.exec(value)
      if (found !== null) ndots = Math.min(MAX_NDOTS, Number(found[1]))
    }
  }
  return { domains: domains.map(domain => domain.replace(/\.$/, '')).filter(domain => domain !== '').slice(0, MAX_DOMAINS), ndots }
}
