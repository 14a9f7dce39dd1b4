/**
 * A strict reader of the Prometheus text format 0.0.4, for tests: it throws where a lenient one would guess.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly samples: readonly Sample[]
}

interface OpenFamily extends Family {
  readonly samples: Sample[]
}

const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)*)$/
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$/
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)/
const VALUE = /^(?:[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|\+Inf|-Inf|NaN)$/

/**
 * @returns the families by name, in the order of the text
 * @throws Error naming the line and what is wrong with it
 */
export function parseExposition (text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed')
  const families = new Map<string, OpenFamily>()
  const seen = new Set<string>()
  let help: readonly [name: string, text: string] | undefined
  let open: OpenFamily | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fail = (what: string): never => { throw new Error(`line ${index + 1}: ${what}: ${line}`) }
    if (line === '') continue
    const helpMatch = HELP.exec(line)
    const typeMatch = TYPE.exec(line)
    if (helpMatch !== null) {
      if (help !== undefined) fail('HELP without TYPE before it')
      help = [helpMatch[1] ?? '', helpMatch[2] ?? '']
    } else if (typeMatch !== null) {
      const name = typeMatch[1] ?? ''
      if (help?.[0] !== name) fail('TYPE does not follow its HELP')
      if (families.has(name)) fail('the family is there twice')
      open = { name, help: help?.[1] ?? '', type: typeMatch[2] ?? '', samples: [] }
      families.set(name, open)
      help = undefined
    } else {
      const sample = parseSample(line) ?? fail('neither a comment nor a sample')
      if (open === undefined || help !== undefined || !belongs(sample.name, open)) fail('sample outside its family')
      const series = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
      if (seen.has(series)) fail('the series is there twice')
      seen.add(series)
      open?.samples.push(sample)
    }
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family)
  return families
}

function parseSample (line: string): Sample | undefined {
  const match = SAMPLE.exec(line)
  if (match === null || !VALUE.test(match[3] ?? '')) return undefined
  const labels: Record<string, string> = {}
  let rest = match[2] ?? ''
  while (rest !== '') {
    const label = LABEL.exec(rest)
    const name = label?.[1]
    if (label === null || name === undefined || Object.hasOwn(labels, name)) return undefined
    labels[name] = (label[2] ?? '').replace(/\\(.)/g, (_, escaped: string) => escaped === 'n' ? '\n' : escaped)
    rest = rest.slice(label[0].length)
    if (rest === '' && label[3] === ',') return undefined
  }
  return { name: match[1] ?? '', labels, value: parseValue(match[3] ?? '') }
}

function parseValue (text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text)
}

function belongs (sample: string, family: Family): boolean {
  if (family.type !== 'histogram') return sample === family.name
  return ['_bucket', '_sum', '_count'].some(suffix => sample === family.name + suffix)
}

/** Buckets rise, end with +Inf, and +Inf equals the count. */
function checkHistogram (family: Family): void {
  const last = new Map<string, { le: number, count: number }>()
  const keyOf = ({ labels }: Sample): string => JSON.stringify(Object.entries(labels).filter(([name]) => name !== 'le').sort())
  for (const sample of family.samples) {
    const key = keyOf(sample)
    const before = last.get(key)
    if (sample.name.endsWith('_bucket')) {
      const le = parseValue(sample.labels['le'] ?? 'NaN')
      if (Number.isNaN(le)) throw new Error(`${family.name}: a bucket without le`)
      if (before !== undefined && (le <= before.le || sample.value < before.count)) throw new Error(`${family.name}${key}: buckets do not rise`)
      last.set(key, { le, count: sample.value })
    } else if (sample.name.endsWith('_count') && (before?.le !== Infinity || before.count !== sample.value)) {
      throw new Error(`${family.name}${key}: the count is not that of the +Inf bucket`)
    }
  }
}

/** A whole scrape as one text. */
export async function expositionOf (collector: { chunks (): AsyncIterable<string> }): Promise<string> {
  let text = ''
  for await (const chunk of collector.chunks()) text += chunk
  return text
}
