/** The way from the root of a configuration to a value: keys of mappings and positions in lists. */
export type ConfigPath = readonly (string | number)[]

/** Writes a path as people do: `routes[0].match.hosts[1]`. Keys that are not plain words are quoted. */
export function formatPath (path: ConfigPath): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(step)) text += text === '' ? step : `.${step}`
    else text += `[${JSON.stringify(step.length > 64 ? `${step.slice(0, 64)}…` : step)}]`
  }
  return text
}

/** The value at a path; undefined where the path leads nowhere. */
export function valueAt (root: unknown, path: ConfigPath): unknown {
  let value = root
  for (const step of path) {
    if (Array.isArray(value)) value = typeof step === 'number' ? value[step] : undefined
    else if (isMapping(value) && Object.hasOwn(value, step)) value = value[step]
    else return undefined
  }
  return value
}

/** Is this what a YAML mapping becomes? */
export function isMapping (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
