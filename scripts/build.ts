/**
 * Builds dist/ from src/: checks the types, then bundles the modules, with the packages that every start needs, into few files. Ends with
 * 1, and leaves no dist/ behind, when there is a type error.
 *
 * Modules are most of a start: to find, read and link some 600 of them was most of it (docs/adr/0004-light-at-rest.md).
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { build, type Metafile } from 'esbuild-wasm'

const root = path.resolve(import.meta.dirname, '..')
const output = path.join(root, 'dist')

/** Loaded when something needs them, by their names: from node_modules. */
const BY_NAME = ['@kubernetes/client-node', 'ajv', 'prom-client', 're2js']
/** What packages call that were written for `require`. */
const REQUIRE = 'import { createRequire as createRequireOfNode } from \'node:module\'; const require = createRequireOfNode(import.meta.url)'

function checkTypes (): boolean {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const args = [tsc, '-p', path.join(root, 'tsconfig.build.json'), '--pretty', 'false']
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0
}

/** What both threads share, and what is loaded later, gets files of its own in dist/parts. */
async function bundle (): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { main: 'src/main.ts', 'worker/worker': 'src/worker/worker.ts' },
    outdir: output,
    chunkNames: 'parts/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: BY_NAME.flatMap(name => [name, `${name}/*`]),
    banner: { js: REQUIRE },
    legalComments: 'none',
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
    metafile: true
  })
  return metafile
}

/** The sources that come into a process by the imports of the files that were made of these modules. */
function sourcesLoadedBy ({ outputs }: Metafile, modules: readonly string[]): ReadonlySet<string> {
  const files = new Set(Object.keys(outputs).filter(name => modules.includes(outputs[name]?.entryPoint ?? '')))
  if (files.size < modules.length) throw new Error(`${modules.join(' or ')} has no file of its own any more: say here what a start loads`)
  for (const file of files) {
    for (const { path: name, kind, external } of outputs[file]?.imports ?? []) {
      if (kind === 'import-statement' && external !== true) files.add(name)
    }
  }
  return new Set([...files].flatMap(file => Object.keys(outputs[file]?.inputs ?? {})))
}

/** As test/integration/weir/light-start.test.ts sees it of the sources. */
function assertLight (metafile: Metafile): void {
  const inWorker = [...sourcesLoadedBy(metafile, ['src/worker/worker.ts'])].filter(name => name.startsWith('node_modules/'))
  const loaded = [...sourcesLoadedBy(metafile, ['src/main.ts', 'src/runtime/run.ts', 'src/admin/admin-server.ts'])]
  if (!loaded.some(name => name.startsWith('node_modules/fastify/'))) throw new Error('no package is seen in what a start loads')
  const atStart = loaded.filter(name => /^node_modules\/(?:ajv|typebox|undici|@kubernetes)\//.test(name))
  if (inWorker.length + atStart.length > 0) throw new Error(`a start would load what it has no need of: ${[...inWorker, ...atStart].slice(0, 5).join(', ')}`)
}

/** What ajv has compiled is JavaScript already; it is loaded at each start and reload, and forgotten after. */
function copyGenerated (): void {
  mkdirSync(path.join(output, 'config'), { recursive: true })
  cpSync(path.join(root, 'src/config/config-check.cts'), path.join(output, 'config/config-check.cjs'))
}

/** Modules find files of the package from two folders below its root, as they lie in src/. */
function assertDepth (): void {
  if (readFileSync(path.join(output, 'main.js'), 'utf8').replace(REQUIRE, '').includes('import.meta')) {
    throw new Error('a module that goes by import.meta has come into dist/main.js, which lies in another depth: import it when it is needed')
  }
}

rmSync(output, { recursive: true, force: true })
try {
  if (!checkTypes()) throw new Error('the errors are above')
  assertLight(await bundle())
  copyGenerated()
  assertDepth()
  console.log(`build: dist/ is ready (${readdirSync(output, { recursive: true }).filter(name => String(name).endsWith('.js')).length} modules)`)
} catch (error) {
  rmSync(output, { recursive: true, force: true })
  console.error(`build: failed; ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
