/** The plan of `weir rollout start`: by flags, by a file, or both. What is wrong with it Weir says; here it is only put together. */
import { createReadStream } from 'node:fs'
import { errorText } from '../../core/error-text.ts'
import { readBounded } from '../../core/read-bounded.ts'
import { asObject, type UntrustedObject } from '../../core/untrusted.ts'
import { CommandError, EXIT } from './command-error.ts'

/** A request of the admin API may be as long. */
const MAX_PLAN_BYTES = 65_536

export interface PlanFlags {
  readonly to?: string | undefined
  readonly from?: string | undefined
  readonly preset?: string | undefined
  readonly steps?: string | undefined
  /** How long an a-b lasts. */
  readonly for?: string | undefined
  /** One condition: who gets the new version in an a-b. */
  readonly match?: string | undefined
  /** One condition: who gets the new version before a blue-green switches. */
  readonly preview?: string | undefined
  /** A file; `-` is standard input. */
  readonly plan?: string | undefined
}

/**
 * The plan as the API takes it; what flags say wins over the file. Without either: none, which stands for that of the configuration.
 * @param input standard input
 * @throws CommandError
 */
export async function readPlanFlags (flags: PlanFlags, input: () => AsyncIterable<unknown>): Promise<UntrustedObject> {
  const { to, from, preset, steps, plan: file, match, preview } = flags
  const written = file === undefined ? {} : await readPlanFile(file, input)
  return {
    ...written,
    ...(to === undefined ? {} : { to }),
    ...(from === undefined ? {} : { from }),
    ...(preset === undefined ? {} : { preset }),
    ...(steps === undefined ? {} : { steps: parseSteps(steps) }),
    ...(flags.for === undefined ? {} : { for: flags.for }),
    ...(match === undefined ? {} : { match: parseMatch(match, '--match') }),
    ...(preview === undefined ? {} : { preview: parseMatch(preview, '--preview') })
  }
}

async function readPlanFile (file: string, input: () => AsyncIterable<unknown>): Promise<UntrustedObject> {
  const place = file === '-' ? 'the plan of standard input' : file
  let bytes
  try {
    bytes = await readBounded(file === '-' ? input() : createReadStream(file), MAX_PLAN_BYTES)
  } catch (error) {
    throw new CommandError(`${place} can't be read: ${errorText(error)}`, EXIT.usage)
  }
  if (bytes === undefined) throw new CommandError(`${place} has more than ${MAX_PLAN_BYTES / 1_024} KiB`, EXIT.usage)
  const { parse } = await import('yaml')
  let plan
  try {
    plan = asObject(parse(bytes.toString('utf8'), { maxAliasCount: 100 }))
  } catch (error) {
    throw new CommandError(`${place}: ${errorText(error)}`, EXIT.usage)
  }
  if (plan === undefined) throw new CommandError(`${place}: a plan is a mapping, in YAML or JSON, such as {"to": "canary", "steps": [{"setWeight": 5}]}`, EXIT.usage)
  return plan
}

const DURATION = '[0-9]{1,9}(?:ms|s|m|h)'
const CONDITION = '(?:header|cookie|query|path|host|method)[ =^~].*'
const SHARE = '([0-9]+(?:\\.[0-9]+)?) ?%?'

/** A step as it is typed or printed, and as a plan has it. */
const STEPS: ReadonlyArray<readonly [words: RegExp, step: (...found: string[]) => object]> = [
  [new RegExp(`^(?:weight )?${SHARE}$`), weight => ({ setWeight: Number(weight) })],
  [/^(?:await )?endpoints$/, () => ({ awaitEndpoints: {} })],
  [/^pause$/, () => ({ pause: {} })],
  [new RegExp(`^pause (${DURATION})$`), duration => ({ pause: { duration } })],
  [new RegExp(`^analyse (${DURATION})$`), duration => ({ analyse: { for: duration } })],
  [/^analyse ([0-9]{1,9})(?: requests)?$/, requests => ({ analyse: { requests: Number(requests) } })],
  [new RegExp(`^analyse (${DURATION}) and ([0-9]{1,9})(?: requests)?$`), (duration, requests) => ({ analyse: { for: duration, requests: Number(requests) } })],
  [/^no match$/, () => ({ setMatch: null })],
  [new RegExp(`^match (${CONDITION})$`), condition => ({ setMatch: [parseMatch(condition, 'match')] })],
  [/^no mirror$/, () => ({ mirror: null })],
  [new RegExp(`^mirror ${SHARE}$`), percent => ({ mirror: { percent: Number(percent) } })],
  [new RegExp(`^ramp (?:to )?${SHARE} (?:over )?(${DURATION})$`), (to, over) => ({ ramp: { to: Number(to), over } })]
]

/** `5, analyse 2m, 25, pause 10m, pause, analyse 5000 requests, ramp 100 over 10m`. @throws CommandError that shows which one is none */
function parseSteps (text: string): readonly object[] {
  return text.split(',').map(word => parseStep(word.trim().replaceAll(/\s+/g, ' ')))
}

/** What stands between a name and a text: is it, begins with it, or has the pattern in it. */
const COMPARED = { '=': 'value', '^=': 'prefix', '~=': 'regex' } as const

/** `header x-beta=1`, `cookie beta`, `path ^=/beta`, `header X-Canary=always`: a match with one condition. @throws CommandError */
function parseMatch (text: string, place: string): object {
  const found = /^(header|cookie|query|path|host|method) ?([^=^~ ]*)(?:(=|\^=|~=)(.*))?$/.exec(text.trim())
  const [, what = '', name = '', sign, value = ''] = found ?? []
  const isWhole = what === 'path' || what === 'host' || what === 'method'
  if (found === null || (isWhole ? name !== '' || sign === undefined : name === '')) {
    throw new CommandError(
      `${place} takes one condition: "header x-beta=1", "cookie beta" (it is there), "query beta^=on" (begins with), "path ^=/beta", "host =beta.example.com" or "method =POST", not ${JSON.stringify(text.slice(0, 80))}; a plan in a file (--plan) may have more`,
      EXIT.usage
    )
  }
  return conditionOf({ what, name, value }, sign === undefined ? {} : { [COMPARED[sign as keyof typeof COMPARED]]: value })
}

function conditionOf ({ what, name, value }: Readonly<Record<'what' | 'name' | 'value', string>>, test: object): object {
  switch (what) {
    case 'header': return value === 'always' ? { alwaysNever: { header: name } } : { headers: [{ name, ...test }] }
    case 'cookie': return value === 'always' ? { alwaysNever: { cookie: name } } : { cookies: [{ name, ...test }] }
    case 'query': return { query: [{ name, ...test }] }
    case 'method': return { methods: [value] }
    default: return { [what]: test }
  }
}

function parseStep (word: string): object {
  for (const [words, step] of STEPS) {
    const found = words.exec(word)
    if (found !== null) return step(...found.slice(1))
  }
  throw new CommandError(
    `a step is a weight such as 25, "pause", "pause 10m", "analyse 2m", "analyse 5000 requests", "ramp 100 over 10m", "endpoints", "match header x-beta=1", "no match", "mirror 10" or "no mirror", with commas between, not ${JSON.stringify(word.slice(0, 80))}`,
    EXIT.usage
  )
}
