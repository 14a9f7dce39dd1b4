/**
 * The rules of the source tree. Each takes the parsed files and returns one sentence for every violation.
 */
import { isBuiltin } from 'node:module'
import path from 'node:path'
import { type SourceFile } from './source-file.ts'

/** The folders of src in the order in which they may build on one another: a folder imports only folders before it. */
export const FOLDER_ORDER = [
  'core', 'contract', 'analysis', 'plans', 'net', 'http', 'http1', 'config', 'telemetry', 'health', 'routing', 'actions', 'placement', 'balancing', 'kube',
  'store', 'discovery', 'rollout', 'lists',
  'upstream', 'shadow', 'exchange', 'downstream', 'worker', 'certificates', 'routes',
  'control', 'replicas', 'webhooks', 'admin', 'console', 'cli', 'runtime'
] as const

/**
 * What a folder or a file may not import although it comes earlier, types included: the exchange and the port to the endpoints know no
 * version of HTTP.
 */
const KEPT_APART: ReadonlyMap<string, string> = new Map([
  ['src/exchange/', 'http1'],
  ['src/upstream/upstream-call.ts', 'http1'],
  ['src/upstream/transport.ts', 'http1']
])

/** The one file outside of the folders. It may import any of them. */
const ENTRY = 'src/main.ts'

const MAX_LINES = 400

/** Names that say nothing about what is inside, so that everything ends up there. */
const EMPTY_NAMES = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'shared', 'lib', 'types', 'index', 'constants'])

/** Files that are named for what they are as a whole rather than for one export, with the reason. */
export const NAMED_FOR_THE_WHOLE: ReadonlyMap<string, string> = new Map([
  ['src/config/address-rules.ts', 'the rules about where listeners and the admin API listen'],
  ['src/config/placement-rules.ts', 'the rules about what chooses a version before the split does'],
  ['src/contract/messages.ts', 'all messages between the control plane and a worker'],
  ['src/http1/request-head-fields.ts', 'the fields that a request head is judged by, besides those of its framing'],
  ['src/rollout/transition.ts', 'all transitions of the traffic state, from one state to the next'],
  ['src/telemetry/counter-layout.ts', 'the index tables of the shared counters']
])

/** Entry scripts: they are started, not imported, so they need not export anything. */
export const ENTRY_SCRIPTS: ReadonlySet<string> = new Set([ENTRY, 'src/worker/worker.ts'])

/** Every module that src may import by name. */
export interface AllowedPackages {
  readonly dependencies: ReadonlySet<string>
}

/** The folder of a file of src, or undefined when it lies in none. */
function folderOf (filePath: string): string | undefined {
  return /^src\/([^/]+)\//.exec(filePath)?.[1]
}

function rankOf (folder: string | undefined): number {
  return FOLDER_ORDER.findIndex(name => name === folder)
}

/** Resolves a relative specifier against the file that mentions it. */
function resolve (file: SourceFile, specifier: string): string {
  return path.posix.normalize(path.posix.join(path.posix.dirname(file.path), specifier))
}

/** Folders are known and import only folders before them; nothing imports main.ts; nothing leaves src. */
export function checkFolderOrder (files: readonly SourceFile[]): string[] {
  const known = new Set(files.map(file => file.path))
  return files.flatMap(file => [
    ...(file.path !== ENTRY && rankOf(folderOf(file.path)) < 0 ? [`${file.path}: src has only main.ts and the folders ${FOLDER_ORDER.join(', ')}`] : []),
    ...file.references.filter(({ specifier }) => specifier.startsWith('.')).flatMap(({ specifier, line }) => {
      const fault = faultOfReference(file, resolve(file, specifier), known)
      return fault === undefined ? [] : [`${file.path}:${line}: ${fault}`]
    })
  ])
}

function faultOfReference (file: SourceFile, target: string, known: ReadonlySet<string>): string | undefined {
  if (!target.startsWith('src/')) return `imports ${target}, which is outside of src`
  if (target === ENTRY) return 'imports main.ts, which is only for starting'
  if (target.endsWith('.ts') && !known.has(target)) return `imports ${target}, which does not exist`
  if (!target.endsWith('.ts') && !target.endsWith('.json')) return `imports ${target} without the extension .ts`
  const from = folderOf(file.path)
  const to = folderOf(target)
  const apart = [...KEPT_APART].some(([start, folder]) => file.path.startsWith(start) && folder === to)
  if (apart) return `imports ${target}, which it has to know nothing of`
  if (from === undefined || from === to || rankOf(to) < rankOf(from)) return undefined
  return `${from} imports ${target}, but ${to} comes after ${from} in the order of folders`
}

/** Packages come from `dependencies`, built-in modules carry `node:`, only src/kube knows the Kubernetes client. */
export function checkPackages (files: readonly SourceFile[], allowed: AllowedPackages): string[] {
  return files.flatMap(file => file.references.filter(({ specifier }) => !specifier.startsWith('.')).flatMap(({ specifier, line }) => {
    const fault = faultOfPackage(file.path, specifier, allowed)
    return fault === undefined ? [] : [`${file.path}:${line}: ${fault}`]
  }))
}

function faultOfPackage (filePath: string, specifier: string, allowed: AllowedPackages): string | undefined {
  if (specifier.startsWith('node:')) return isBuiltin(specifier) ? undefined : `imports ${specifier}, which Node does not have`
  if (isBuiltin(specifier) && !allowed.dependencies.has(specifier)) return `imports ${specifier}; write node:${specifier}`
  const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  if (!allowed.dependencies.has(name)) return `imports ${name}, which is not in dependencies of package.json`
  if (name === '@kubernetes/client-node' && folderOf(filePath) !== 'kube') return `imports ${name}, which only src/kube may know`
  return undefined
}

/** Every package that users have to install is used. */
export function checkUnused (files: readonly SourceFile[], { dependencies }: AllowedPackages): string[] {
  const used = files.flatMap(file => file.references.map(({ specifier }) => specifier))
  return [...dependencies].filter(name => !used.some(specifier => specifier === name || specifier.startsWith(`${name}/`)))
    .map(name => `package.json: nothing in src imports ${name}`)
}

/** No file reaches itself through its imports, those of types included. One sentence for every group of files in a circle. */
export function checkCycles (files: readonly SourceFile[]): string[] {
  const graph = new Map(files.map(file => [
    file.path,
    file.references.filter(({ specifier }) => specifier.startsWith('.')).map(({ specifier }) => resolve(file, specifier))
  ]))
  const reported = new Set<string>()
  return [...graph.keys()].flatMap(start => {
    if (reported.has(start)) return []
    const circle = shortestCircle(graph, start)
    if (circle === undefined) return []
    for (const member of circle) reported.add(member)
    return [`import circle: ${[...circle, start].join(' → ')}`]
  })
}

/** The shortest way from a file back to itself, breadth first. */
function shortestCircle (graph: ReadonlyMap<string, readonly string[]>, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>()
  const queue = [start]
  for (let current = queue.shift(); current !== undefined; current = queue.shift()) {
    for (const next of graph.get(current) ?? []) {
      if (next === start) return wayTo(cameFrom, start, current)
      if (cameFrom.has(next)) continue
      cameFrom.set(next, current)
      queue.push(next)
    }
  }
  return undefined
}

function wayTo (cameFrom: ReadonlyMap<string, string>, start: string, end: string): string[] {
  const way: string[] = []
  for (let step: string | undefined = end; step !== undefined && step !== start; step = cameFrom.get(step)) way.unshift(step)
  return [start, ...way]
}

/**
 * A file is named for what it exports. With a class, all words of the name are in the name of that class, or of something else that the
 * file exports; a file of functions or tables shares at least one word with one of them. The class of an error that they throw is beside
 * them.
 */
export function checkNames (files: readonly SourceFile[]): string[] {
  return files.flatMap(file => {
    const stem = path.posix.basename(file.path, '.ts')
    const faults: string[] = []
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) faults.push('is not named in kebab-case')
    const empty = file.path.split('/').slice(1).map(part => part.replace(/\.ts$/, '')).find(part => EMPTY_NAMES.has(part))
    if (empty !== undefined) faults.push(`"${empty}" says nothing about what is inside`)
    if (!file.declares && file.exports.length > 0) faults.push('only passes on the exports of others (a barrel)')
    if (file.exports.includes('default') || file.exports.includes('*')) faults.push('has a default export or `export *`; export by name')
    const others = file.exports.filter(name => !name.endsWith('Error'))
    const classes = file.classes.filter(name => !name.endsWith('Error') || others.length === 0)
    if (!isExempt(file.path) && !(classes.length > 0 ? others.concat(classes) : file.exports).some(name => namedFor(stem, name, classes.length > 0))) {
      faults.push(`is not named for any of its exports (${file.exports.join(', ') || 'none'})`)
    }
    return faults.map(fault => `${file.path}: ${fault}`)
  })
}

function isExempt (filePath: string): boolean {
  return NAMED_FOR_THE_WHOLE.has(filePath) || ENTRY_SCRIPTS.has(filePath)
}

/** Do all words (or any) of a file's name occur in the name of an export? The plural counts as the singular. */
function namedFor (stem: string, exported: string, all: boolean): boolean {
  const letters = exported.replaceAll('_', '').toLowerCase()
  const words = wordsOf(stem)
  return all ? words.every(word => letters.includes(word)) : words.some(word => letters.includes(word))
}

/** The words of a file's name, each in the singular. */
function wordsOf (stem: string): readonly string[] {
  return stem.split('-').map(word => word.replace(/(?<=ss|x|ch)es$|(?<=[^s])s$/, ''))
}

/** One word, one idea: no name is exported by two files, types included. */
export function checkExportedNames (files: readonly SourceFile[]): string[] {
  return repeated(files.flatMap(file => file.exports.map(name => [name, file.path] as const)))
    .map(([name, paths]) => `${name} is exported by ${paths.join(' and ')}`)
}

/** No two files have the same words in their names, in whatever order, number and folder. */
export function checkFileWords (files: readonly SourceFile[]): string[] {
  return repeated(files.map(file => [wordsOf(path.posix.basename(file.path, '.ts')).toSorted().join(' '), file.path] as const))
    .map(([words, paths]) => `${paths.join(' and ')} have the same words in their names: ${words}`)
}

/** The keys that occur more than once, each with all that it stands for. */
function repeated (pairs: ReadonlyArray<readonly [key: string, value: string]>): ReadonlyArray<readonly [string, readonly string[]]> {
  const all = new Map<string, string[]>()
  for (const [key, value] of pairs) all.set(key, [...(all.get(key) ?? []), value])
  return [...all].filter(([, values]) => values.length > 1)
}

/** Files that are written by a program. */
const GENERATED: ReadonlySet<string> = new Set(['src/config/config-check.ts'])

/** No line is wider than a screen, but for the sake of one long text. The linter looks at lines without any text. */
export function checkWidth (files: readonly SourceFile[]): string[] {
  return files.filter(file => !GENERATED.has(file.path))
    .flatMap(file => file.wide.map(line => `${file.path}:${line}: is wider than 140 columns`))
}

/** No file grows past the point where it should be two. */
export function checkLength (files: readonly SourceFile[]): string[] {
  return files.filter(file => file.lines > MAX_LINES).map(file => `${file.path}: has ${file.lines} lines of code, more than ${MAX_LINES}`)
}

/** Modules hold no state: two instances in one process, and tests in parallel, must not share anything. */
export function checkModuleState (files: readonly SourceFile[]): string[] {
  return files.flatMap(file => file.mutable.map(
    ({ name, line, reason }) => `${file.path}:${line}: ${name} ${reason}; keep state in an object that is passed on`
  ))
}

/** Every rule above. */
export function checkSources (files: readonly SourceFile[], allowed: AllowedPackages): string[] {
  return [
    ...checkFolderOrder(files),
    ...checkPackages(files, allowed),
    ...checkUnused(files, allowed),
    ...checkCycles(files),
    ...checkNames(files),
    ...checkExportedNames(files),
    ...checkFileWords(files),
    ...checkWidth(files),
    ...checkLength(files),
    ...checkModuleState(files)
  ]
}
