import { Ajv } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import type { Generator } from './generator.ts'
import { writtenSchema } from './written-schema.ts'

const HEAD = `// @ts-nocheck
/* eslint-disable */
// What ajv compiles the configuration's schema to. Generated from schema.ts by \`npm run generate\`. Do not edit.
// A CommonJS module, which can be forgotten when it has done its work: see load-for-now.ts.

/** How many characters (code points) a text has, as JSON Schema counts them. */
function lengthOf (text) {
  let length = 0
  for (const _ of text) length++
  return length
}

`

const LENGTH = 'require("ajv/dist/runtime/ucs2length").default'

/** The configuration's schema as code, so that the running program need not load ajv and compile the schema at each start. */
export const configCheck: Generator = {
  path: 'src/config/config-check.cts',
  content () {
    // Compiled here and not from config/weir.schema.json: the first run after a change writes both.
    const silent = (key: string, value: unknown): unknown => key === 'description' && typeof value === 'string' ? undefined : value
    const schema: object = JSON.parse(JSON.stringify(writtenSchema(), silent))
    const { root, places } = apart(schema)
    /** By the name of a function in the code: the place in the schema of what it checks. */
    const placeOf = new Map<string, string>()
    // `allErrors` because a user wants to know all faults at once; without `verbose` and `messages`, which explain-errors.ts
    // does not need and which would put the schema and a sentence into each error.
    const ajv = new Ajv({
      allErrors: true,
      strict: true,
      useDefaults: true,
      messages: false,
      inlineRefs: false,
      code: {
        source: true,
        process (code, compiled) {
          const name = /return function (\w+)\(/.exec(code)?.[1]
          if (name !== undefined) placeOf.set(name, places.get(compiled?.schema) ?? '#')
          return code
        }
      }
    })
    const code = standalone.default(ajv, ajv.compile(root))
      .replace(/^"use strict";/, '')
      .replace(/module\.exports = (\w+);module\.exports\.default = \w+;/, 'module.exports = { checkConfig: $1 };')
      .replaceAll(LENGTH, 'lengthOf')
    if (!code.includes('module.exports = { checkConfig: ') || /\brequire\(|\bimport\b/.test(code)) {
      throw new Error('what ajv compiles is no longer as config-check.cts knows it: it has other exports or needs other modules')
    }
    return `${HEAD}${withNamesOnly(withShortFaults(withWholePaths(code, placeOf)))}\n`
  }
}

/**
 * The schema with each object of options as a definition of its own, which ajv makes a function of its own: a start compiles those whose
 * sections the configuration has, which is a fraction of all.
 * @returns that schema, and where in the given one its definitions were
 */
function apart (schema: object): { readonly root: object, readonly places: ReadonlyMap<unknown, string> } {
  const definitions: Record<string, object> = {}
  const places = new Map<unknown, string>()
  const within = (node: unknown, place: string): unknown => {
    if (Array.isArray(node)) return node.map((entry, index) => within(entry, `${place}/${index}`))
    if (typeof node !== 'object' || node === null) return node
    const whole: Record<string, unknown> = { ...node }
    for (const key of ['items', 'additionalProperties', 'anyOf']) if (key in whole) whole[key] = within(whole[key], `${place}/${key}`)
    const { properties } = whole
    if (typeof properties !== 'object' || properties === null) return whole
    const entries = Object.entries(properties).map(([key, value]) => [key, within(value, `${place}/properties/${key}`)] as const)
    whole['properties'] = Object.fromEntries(entries)
    if (place === '#') return whole
    const { default: preset, ...definition } = whole
    const name = `d${places.size}`
    definitions[name] = definition
    places.set(definition, place)
    // What is filled in is said where the section may be missing.
    return { $ref: `#/$defs/${name}`, ...preset === undefined ? {} : { default: preset } }
  }
  return { root: { ...within(schema, '#') as object, $defs: definitions }, places }
}

/** In a function of its own, ajv's paths into the schema begin where the function's part does. explain-errors.ts reads whole ones. */
function withWholePaths (code: string, placeOf: ReadonlyMap<string, string>): string {
  return code.split(/(?=function validate\d+\()/).map((part, index) => {
    if (index === 0) return part
    const place = placeOf.get(/^function (\w+)/.exec(part)?.[1] ?? '')
    if (place === undefined) throw new Error('what ajv compiles has a function whose part of the schema is not known')
    const header = /^function \w+\(data, \{[^}]*\}=\{\}\)\{/
    if (!header.test(part)) throw new Error('what ajv compiles no longer begins as it did')
    return part.replace(header, start => `${start}const at = "${place}";`).replaceAll('schemaPath:"#/', 'schemaPath:at+"/')
  }).join('')
}

/** ajv writes down each part of the schema, and asks some of them which options there are. That is all that stays of them. */
function withNamesOnly (code: string): string {
  return code.replaceAll(/const (schema\d+) = (\{.*?\});(?=const |function )/g, (_, name: string, json: string) => {
    const uses = code.match(new RegExp(`\\b${name}\\b.{0,11}`, 'g')) ?? []
    if (uses.length === 1) return ''
    const { properties }: { properties?: object } = JSON.parse(json)
    const isKnown = uses.slice(1).every(use => use === `${name}.properties`)
    if (properties === undefined || !isKnown) throw new Error(`what ajv compiles uses ${name} in a new way`)
    return `const ${name} = {properties: ${JSON.stringify(Object.fromEntries(Object.keys(properties).map(key => [key, 1])))}};`
  })
}

/** Each of more than a thousand faults is added to the list in fewer words. */
function withShortFaults (code: string): string {
  return code
    .replaceAll(/if\(vErrors === null\)\{vErrors = \[(\w+)\];\}else \{vErrors\.push\(\1\);\}/g, '(vErrors ??= []).push($1);')
    .replaceAll(/const (err\d+) = (\{[^;]*\});\(vErrors \?\?= \[\]\)\.push\(\1\);/g, '(vErrors ??= []).push($2);')
}
