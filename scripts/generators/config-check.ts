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
    // `allErrors` because a user wants to know all faults at once; without `verbose` and `messages`, which explain-errors.ts
    // does not need and which would put the schema and a sentence into each error.
    const ajv = new Ajv({ allErrors: true, strict: true, useDefaults: true, messages: false, code: { source: true } })
    const code = standalone.default(ajv, ajv.compile(schema))
      .replace(/^"use strict";/, '')
      .replace(/module\.exports = (\w+);module\.exports\.default = \w+;/, 'module.exports = { checkConfig: $1 };')
      .replaceAll(LENGTH, 'lengthOf')
    if (!code.includes('module.exports = { checkConfig: ') || /\brequire\(|\bimport\b/.test(code)) {
      throw new Error('what ajv compiles is no longer as config-check.cts knows it: it has other exports or needs other modules')
    }
    return `${HEAD}${code}\n`
  }
}
