/**
 * Writes every generated file: `npm run generate`. With --check it writes nothing, names the files that are not as they
 * would be written, and exits with 1 when there are any.
 *
 * To add a generated file, write scripts/generators/NAME.ts and put its generator into the list.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { configCheck } from './generators/config-check.ts'
import { configSchema } from './generators/config-schema.ts'
import { configurationDoc } from './generators/configuration-doc.ts'
import { errorsDoc } from './generators/errors-doc.ts'
import type { Generator } from './generators/generator.ts'
import { metricsDoc } from './generators/metrics-doc.ts'
import { openapi } from './generators/openapi.ts'

/** In this order: later ones may read what earlier ones have written. */
const generators: readonly Generator[] = [
  configSchema,
  configCheck,
  configurationDoc,
  errorsDoc,
  metricsDoc,
  openapi
]

const ROOT = resolve(import.meta.dirname, '..')

async function readOrEmpty (file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

async function main (args: readonly string[]): Promise<number> {
  const isCheck = args.includes('--check')
  const unknown = args.find(argument => argument !== '--check')
  if (unknown !== undefined) {
    console.error(`generate: unknown argument ${unknown}; the only one is --check`)
    return 2
  }
  const stale: string[] = []
  for (const generator of generators) {
    const file = resolve(ROOT, generator.path)
    const content = await generator.content()
    if (content === await readOrEmpty(file)) continue
    stale.push(generator.path)
    if (isCheck) continue
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, content)
  }
  for (const path of stale) console.log(isCheck ? `stale: ${path}` : `wrote ${path}`)
  if (isCheck && stale.length > 0) console.log('run `npm run generate` and commit what it writes')
  return isCheck && stale.length > 0 ? 1 : 0
}

process.exitCode = await main(process.argv.slice(2))
