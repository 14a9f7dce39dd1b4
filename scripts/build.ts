/**
 * Builds dist/ from src/: compiles with the type checker, then copies what is not TypeScript next to the result.
 * Ends with 1, and leaves no dist/ behind, when there is a type error.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const source = path.join(root, 'src')
const output = path.join(root, 'dist')

function compile (): boolean {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const args = [tsc, '-p', path.join(root, 'tsconfig.build.json'), '--noEmitOnError', '--pretty', 'false']
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0
}

/** Copies the files that the compiler does not know: JSON schemas, pages and styles. */
function copyAssets (): number {
  const names = readdirSync(source, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !/\.c?ts$/.test(entry.name))
    .map(entry => path.relative(source, path.join(entry.parentPath, entry.name)))
  for (const name of names) cpSync(path.join(source, name), path.join(output, name), { recursive: true })
  return names.length
}

/** What ajv has compiled is JavaScript already, close together; the compiler would make it twice as long, and each start reads it. */
function copyGenerated (): void {
  cpSync(path.join(source, 'config/config-check.cts'), path.join(output, 'config/config-check.cjs'))
}

rmSync(output, { recursive: true, force: true })
if (!compile()) {
  rmSync(output, { recursive: true, force: true })
  console.error('build: failed; the errors are above')
  process.exitCode = 1
} else if (!existsSync(path.join(output, 'main.js'))) {
  console.error('build: the compiler was content but wrote no dist/main.js; is src/main.ts there?')
  process.exitCode = 1
} else {
  copyGenerated()
  const assets = copyAssets()
  console.log(`build: dist/ is ready (${assets} files beside the compiled ones)`)
}
