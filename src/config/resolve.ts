import { createHash } from 'node:crypto'
import { ConfigError, MAX_FAULTS, type ConfigFault } from './config-error.ts'
import { formatPath, valueAt, type ConfigPath, isMapping } from './config-path.ts'
import { variableHint, holdsVariable } from './odd-keys.ts'
import { createLoadForNow } from './load-for-now.ts'
import { listConfigOptions, readOptionText, withOption } from './options.ts'
import { readOverrides, type Overrides } from './overrides.ts'
import { checkRules } from './rules.ts'
import type { Config } from './schema.ts'
import { readConfigSchema } from './schema-node.ts'
import { showValue } from './show-value.ts'
import { createValidator } from './validator.ts'
import { readYaml, type YamlSource } from './yaml-source.ts'
import { warning, type Finding } from './finding.ts'

/** What a configuration is made of. Flags win over the environment, and the environment over the file. */
export interface ConfigInput {
  readonly bytes: Uint8Array
  /** What positions in the file are reported in. */
  readonly fileName: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The arguments of the command line that are not the command's own. */
  readonly args: readonly string[]
}

/** A configuration that may be used. */
export interface LoadedConfig {
  readonly config: Config
  /** What is allowed but odd. */
  readonly warnings: readonly ConfigFault[]
  /** SHA-256 of the file's bytes, hexadecimal. */
  readonly digest: string
}

/**
 * Turns the bytes of a file, the environment and flags into a configuration.
 * @throws ConfigError with every fault that could be found
 */
export type ConfigResolver = (input: ConfigInput) => Promise<LoadedConfig>

/** Reads the schema once, for any number of loads. */
export function createConfigResolver (): ConfigResolver {
  const loadForNow = createLoadForNow()
  const schema = readConfigSchema()
  const options = listConfigOptions(schema)
  const validate = createValidator(schema, loadForNow)

  return async input => {
    const overrides = readOverrides(options, input.env, input.args)
    const yaml = await readYaml(input.bytes, input.fileName, loadForNow)
    if ('faults' in yaml) throw new ConfigError([...yaml.faults, ...overrides.faults])
    const value = applyOverrides(yaml.source.value, overrides)
    const describe = createDescriber(value, yaml.source, overrides)
    const schemaFaults = validate(value)
    // Rules look only at what the schema has found nothing wrong with.
    const findings = checkRules(value as Config, createBrokenTest(schemaFaults.map(fault => fault.path)))
    const faults = [...schemaFaults.filter(({ implied }) => implied !== true), ...findings.filter(finding => finding.severity === 'fault')]
    if (faults.length > 0 || overrides.faults.length > 0) {
      const listed = faults.slice(0, MAX_FAULTS)
      throw new ConfigError([...listed.map(describe), ...overrides.faults], faults.length - listed.length)
    }
    return {
      config: value as Config,
      warnings: [...findings, ...findLiteralVariables(input.bytes, value)].slice(0, MAX_FAULTS).map(describe),
      digest: digestOf(input.bytes)
    }
  }
}

/** SHA-256, hexadecimal. */
export function digestOf (bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function applyOverrides (value: unknown, overrides: Overrides): unknown {
  let result = value
  for (const { option, text } of overrides.byName.values()) result = withOption(result, option.path, readOptionText(option.schema, text))
  return result
}

interface Located {
  readonly path: ConfigPath
  readonly message: string
  readonly aboutKey?: boolean
  readonly severity?: 'fault' | 'warning'
}

/** Adds to a fault the value that was given, and the place that gave it. */
function createDescriber (value: unknown, source: YamlSource, overrides: Overrides): (fault: Located) => ConfigFault {
  return ({ path, message, aboutKey, severity }) => {
    const given = valueAt(value, path)
    const override = [...overrides.byName.values()].find(({ option }) => option.path.every((step, index) => path[index] === step))
    return {
      path: formatPath(path),
      value: given === undefined ? null : showValue(given),
      message: severity === 'warning' ? message : message + variableHint(given),
      source: override?.source ?? source.locate(path, aboutKey === true ? 'key' : 'value')
    }
  }
}

/** Tells whether a fault is at a path, inside of it or around it. */
function createBrokenTest (faultPaths: readonly ConfigPath[]): (path: ConfigPath) => boolean {
  const exact = new Set(faultPaths.map(path => JSON.stringify(path)))
  const around = new Set(faultPaths.flatMap(path => path.map((_, length) => JSON.stringify(path.slice(0, length)))))
  return path => {
    if (around.has(JSON.stringify(path))) return true
    return [...path, null].some((_, length) => exact.has(JSON.stringify(path.slice(0, length))))
  }
}

/**
 * Texts such as `/srv/${NAME}/key.pem` where any text is allowed. They mean what they say, which is hardly what was meant.
 * @param bytes of the file: looking through a large configuration is not for free
 */
function findLiteralVariables (bytes: Uint8Array, value: unknown): readonly Finding[] {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('${') ? collect(value, []) : []
}

function collect (value: unknown, path: ConfigPath): readonly Finding[] {
  if (typeof value === 'string') {
    return holdsVariable(value) ? [warning(path, 'is taken as it stands: variables are not filled in in the file; run it through `envsubst` first')] : []
  }
  if (Array.isArray(value)) return value.flatMap((entry: unknown, index) => collect(entry, [...path, index]))
  return isMapping(value) ? Object.entries(value).flatMap(([key, entry]) => collect(entry, [...path, key])) : []
}
