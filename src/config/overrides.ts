import { COMMAND_LINE, FLAG, showValue, type ConfigFault } from './config-error.ts'
import { nearestName } from '../core/nearest-name.ts'
import type { ConfigOption } from './options.ts'

/** An option given outside of the file. */
interface Override {
  readonly option: ConfigOption
  readonly text: string
  /** `env WEIR_ADMIN_PORT` or `flag --admin-port` */
  readonly source: string
}

export interface Overrides {
  /** By the option's name. */
  readonly byName: ReadonlyMap<string, Override>
  readonly faults: readonly ConfigFault[]
}

/** Variables that say something else than an option. */
const OTHER_VARIABLES: readonly string[] = [
  'WEIR_CONFIG',
  // Of the commands that speak to a running Weir.
  'WEIR_SERVER', 'WEIR_TOKEN', 'WEIR_TOKEN_FILE', 'WEIR_CONTEXT', 'WEIR_CLIENT_CONFIG'
]

/**
 * What the kubelet puts into every container of a namespace that has a Service named `weir` or `weir-…`
 * (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
 */
const SERVICE_VARIABLE = /^WEIR_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/

/** A Service named `weir-admin` gives WEIR_ADMIN_PORT, which is an option too; only the value tells them apart. */
const SERVICE_URL = /^(tcp|udp|sctp):\/\//

/** Does this variable describe a Kubernetes Service rather than an option? */
export function isServiceVariable (name: string, value: string): boolean {
  return SERVICE_VARIABLE.test(name) || (name.startsWith('WEIR_') && name.endsWith('_PORT') && SERVICE_URL.test(value))
}

/**
 * Finds the options that the environment and the command line give; flags win.
 * @param listOptions gives all there are; called when something is given
 * @param env the environment; only names that start with WEIR_ matter
 * @param args the arguments that are not the command's own: `--flag value` or `--flag=value`
 */
export function readOverrides (
  listOptions: () => readonly ConfigOption[], env: Readonly<Record<string, string | undefined>>, args: readonly string[]
): Overrides {
  const byName = new Map<string, Override>()
  const faults: ConfigFault[] = []
  const variables = Object.entries(env)
    .flatMap(([name, text]) => text !== undefined && maySayAnOption(name, text) ? [[name, text] as const] : [])
  if (variables.length === 0 && args.length === 0) return { byName, faults }
  const options = listOptions()
  readEnvironment(options, variables, { byName, faults })
  readFlags(options, args, { byName, faults })
  return { byName, faults }
}

interface Sink {
  readonly byName: Map<string, Override>
  readonly faults: ConfigFault[]
}

function maySayAnOption (name: string, text: string): boolean {
  return name.startsWith('WEIR_') && !OTHER_VARIABLES.includes(name) && !isServiceVariable(name, text)
}

function readEnvironment (
  options: readonly ConfigOption[], variables: ReadonlyArray<readonly [string, string]>, { byName, faults }: Sink
): void {
  const known = new Map(options.map(option => [option.env, option]))
  for (const [name, text] of variables) {
    const source = `env ${name}`
    const option = known.get(name)
    if (option !== undefined) {
      byName.set(option.name, { option, text, source })
      continue
    }
    const hint = suggest(name, [...known.keys(), ...OTHER_VARIABLES], 'Variables that start with WEIR_ are options; `weir run --help` lists them')
    faults.push({ path: '', value: showValue(text), message: `is not a known environment variable. ${hint}`, source })
  }
}

function readFlags (options: readonly ConfigOption[], args: readonly string[], { byName, faults }: Sink): void {
  const known = new Map(options.map(option => [option.flag, option]))
  const seen = new Set<string>()
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? ''
    const [flag, attached] = splitFlag(argument)
    const source = `${FLAG}${shorten(flag)}`
    const option = known.get(flag)
    if (option === undefined) {
      faults.push(unknownFlag(flag, source, [...known.keys()]))
      if (attached === undefined && flag.startsWith('--') && !(args[index + 1] ?? '--').startsWith('--')) index++
      continue
    }
    const text = attached ?? takeValue(args, index)
    if (attached === undefined && text !== undefined) index++
    if (text === undefined) {
      faults.push({ path: option.name, value: null, message: `needs a value: ${option.type}`, source })
    } else if (seen.has(flag)) {
      faults.push({ path: option.name, value: showValue(text), message: 'is given twice on the command line; give it once', source })
    } else {
      byName.set(option.name, { option, text, source })
    }
    seen.add(flag)
  }
}

function splitFlag (argument: string): readonly [string, string | undefined] {
  const equals = argument.startsWith('--') ? argument.indexOf('=') : -1
  return equals === -1 ? [argument, undefined] : [argument.slice(0, equals), argument.slice(equals + 1)]
}

function takeValue (args: readonly string[], index: number): string | undefined {
  const next = args[index + 1]
  return next === undefined || next.startsWith('--') ? undefined : next
}

function unknownFlag (flag: string, source: string, known: readonly string[]): ConfigFault {
  if (!flag.startsWith('--')) {
    return { path: '', value: showValue(flag), message: 'is an argument where a flag has to be; write --name value', source: COMMAND_LINE }
  }
  const hint = suggest(flag, [...known, '--config'], '`weir run --help` lists the flags')
  return { path: '', value: null, message: `is not a known flag. ${hint}`, source }
}

function suggest (given: string, known: readonly string[], otherwise: string): string {
  const nearest = nearestName(given, known)
  return nearest === undefined ? otherwise : `Did you mean ${nearest}?`
}

function shorten (text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`
}
