/**
 * The rules for every file of the project, whatever its language.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { childEnvironment } from '../helpers/child-environment.ts'

/** A file and its text; binary files are left out. */
export interface TextFile {
  readonly path: string
  readonly text: string
}

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', '.git', '.tap', '.weir'])

/** The project's own files: those that git tracks or would track, or everything when this is not a git checkout. */
export function listProjectFiles (root: string): string[] {
  try {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, env: childEnvironment(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    if (listed !== '') return listed.split('\0').filter(name => name !== '')
  } catch {
    // Unpacked from an archive, or git is not installed: walk the tree instead.
  }
  return walk(root, '')
}

function walk (root: string, folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const name = path.posix.join(folder, entry.name)
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : walk(root, name)
    return entry.isFile() ? [name] : []
  })
}

/** Reads the text files among the given ones; a file that has gone meanwhile is left out. */
export function readTextFiles (root: string, names: readonly string[]): TextFile[] {
  return names.flatMap(name => {
    try {
      const bytes = readFileSync(path.join(root, name))
      return bytes.includes(0) ? [] : [{ path: name, text: bytes.toString('utf8') }]
    } catch {
      return []
    }
  })
}

/** What ties a file to one machine or one registry. Written in pieces, so that this file does not contain it. */
const FOREIGN = [
  { what: 'the host of a package registry', pattern: new RegExp(['registry\\.npm' + 'js\\.org', 'registry\\.yarn' + 'pkg\\.com', 'npm\\.pkg\\.git' + 'hub\\.com'].join('|')) },
  { what: 'a path of one machine', pattern: new RegExp('(?:(?<![\\w.$})/-])|(?<=//))/' + '(?:(?:work|root)(?![\\w-])|(?:home|Users)/[A-Za-z])') }
]

/** No file names a registry host or an absolute path of somebody's machine. */
export function checkForeignNames (files: readonly TextFile[]): string[] {
  return files.flatMap(file => file.text.split('\n').flatMap((line, index) => FOREIGN.flatMap(({ what, pattern }) => {
    const found = pattern.exec(line)?.[0]
    return found === undefined ? [] : [`${file.path}:${index + 1}: names ${what} (${found})`]
  })))
}

/** The lockfile says what, not where from. */
export function checkLockfile (text: string): string[] {
  return /"resolved":\s*"https?:/.test(text) ? ['package-lock.json: has "resolved" addresses; see .npmrc'] : []
}

/** Every direct dependency has its reason written down, in backquotes, in one of the decision records. */
export function checkReasons (dependencies: readonly string[], records: string): string[] {
  return dependencies.filter(name => !records.includes(`\`${name}\``)).map(name => `package.json: ${name} has no reason in docs/adr/`)
}
