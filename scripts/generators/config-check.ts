import { Ajv } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import type { Generator } from './generator.ts'
import { writtenSchema } from './written-schema.ts'

const HEAD = `// @ts-nocheck
/* eslint-disable */
// What ajv compiles the configuration's schema to. Generated from schema.ts by \`npm run generate\`. Do not edit.
import type { ErrorObject } from 'ajv'

/** Is it a configuration? Fills in defaults in place. The faults of the latest call are in \`errors\`. */
interface CheckConfig {
  (value: unknown): boolean
  readonly errors?: readonly ErrorObject[] | null
}

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
  path: 'src/config/config-check.ts',
  content () {
    // Compiled here and not from config/weir.schema.json: the first run after a change writes both.
    const schema: object = JSON.parse(JSON.stringify(writtenSchema(), (key, value: unknown) => key === 'description' && typeof value === 'string' ? undefined : value))
    // `allErrors` because a user wants to know all faults at once; without `verbose` and `messages`, which explain-errors.ts
    // does not need and which would put the schema and a sentence into each error.
    const ajv = new Ajv({ allErrors: true, strict: true, useDefaults: true, messages: false, code: { source: true, esm: true } })
    const code = standalone.default(ajv, ajv.compile(schema))
      .replace(/^"use strict";/, '')
      .replace(/export const validate = (\w+);export default \w+;/, 'export const checkConfig: CheckConfig = $1;')
      .replaceAll(LENGTH, 'lengthOf')
    if (!code.includes('export const checkConfig: CheckConfig = ') || /\brequire\(|\bimport\b/.test(code)) {
      throw new Error('what ajv compiles is no longer as config-check.ts knows it: it has other exports or needs other modules')
    }
    return `${HEAD}${code}\n`
  }
}
