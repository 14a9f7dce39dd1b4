import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import type { ErrorObject } from 'ajv'
import { explainErrors, holdsVariable, variableHint, type SchemaFault } from './explain-errors.ts'
import { listConfigOptions, OptionPlaces, readConfigSchema, readOptionText, withOption, type SchemaNode } from './options.ts'
import { ConfigError, MAX_FAULTS, showValue, type ConfigFault } from './config-error.ts'
import { formatPath, isMapping, valueAt, warning, type ConfigPath, type Finding } from './finding.ts'
import { readOverrides, type Overrides } from './overrides.ts'
import { checkRules } from './rules.ts'
import type { Config } from './schema.ts'
import { readYaml, type LoadForNow, type YamlSource } from './yaml-source.ts'

/**
 * Makes what loads CommonJS packages for its caller alone: Node forgets them, so that their memory is free when the caller has done with
 * them. For what is needed once in a long time. One that the garbage collector has not taken yet is used again, so a row of loads costs
 * one. The same package loaded twice is two, whose classes are not the same.
 */
export function createLoadForNow (): LoadForNow {
  const known = new Map<string, WeakRef<object>>()
  return name => {
    const still = known.get(name)?.deref()
    if (still !== undefined) return still
    // One of its own: it keeps what it has loaded.
    const require = createRequire(import.meta.url)
    const before = new Set(Object.keys(require.cache))
    const loaded: unknown = require(name)
    for (const file of Object.keys(require.cache)) if (!before.has(file)) Reflect.deleteProperty(require.cache, file)
    if (typeof loaded !== 'object' || loaded === null) throw new TypeError(`${name} does not export an object`)
    known.set(name, new WeakRef(loaded))
    return loaded
  }
}

/** Checks a value against the schema and gives all faults; without any, the value is a configuration. Fills in defaults in place. */
type Validator = (value: unknown) => readonly SchemaFault[]

/** What `npm run generate` makes of the schema: half a megabyte of code, needed at the start and at each reload only. It is not bundled. */
const CHECK = import.meta.url.endsWith('.ts') ? './config-check.cts' : '../config/config-check.cjs'

interface ConfigCheck {
  /** Is it a configuration? Fills in defaults in place. */
  readonly checkConfig: {
    (value: unknown): boolean
    /** The faults of the latest call. */
    readonly errors?: readonly ErrorObject[] | null
  }
}

/** A validator with the code that ajv compiled the schema to. @param schemaOf gives that same schema, to explain faults with */
function createValidator (schemaOf: () => SchemaNode, loadForNow: LoadForNow): Validator {
  return value => {
    const { checkConfig } = loadForNow(CHECK) as ConfigCheck // the generator writes nothing else
    if (checkConfig(value)) return []
    const schema = schemaOf()
    return explainErrors(checkConfig.errors ?? [], { schema, places: new OptionPlaces(schema), value })
  }
}

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
type ConfigResolver = (input: ConfigInput) => Promise<LoadedConfig>

/**
 * Everything that a load needs is read for it, and is free when it has ended: an idle Weir would keep a megabyte of schema for nothing. A
 * configuration without faults, of which nothing comes from the environment or a flag, does not need the schema.
 */
export function createConfigResolver (readSchema = readConfigSchema): ConfigResolver {
  const loadForNow = createLoadForNow()

  return async input => {
    let schema: SchemaNode | undefined
    const schemaOf = (): SchemaNode => {
      schema ??= readSchema()
      return schema
    }
    const validate = createValidator(schemaOf, loadForNow)
    const overrides = readOverrides(() => listConfigOptions(schemaOf()), input.env, input.args)
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
