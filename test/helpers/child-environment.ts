import path from 'node:path'

/** What a program needs to be found and to find its own files; the last two are for Windows. */
const KEPT = ['PATH', 'HOME', 'TMPDIR', 'SYSTEMROOT', 'TEMP']

/**
 * Node keeps what it has compiled there, by content. Most of the time that a small program takes to start is that of taking the
 * types away.
 */
const COMPILE_CACHE = path.resolve(import.meta.dirname, '../../node_modules/.cache/weir-tests')

/**
 * The environment of every process that a test starts. It is the same on every machine: neither what the test runner makes Node load,
 * nor the terminal (FORCE_COLOR, NO_COLOR, COLORTERM), nor a CI service, nor options of Weir change what a child prints.
 */
export function childEnvironment (more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(process.env).flatMap(([name, value]) => value !== undefined && KEPT.includes(name.toUpperCase()) ? [[name, value]] : [])
  return { ...Object.fromEntries(kept), NODE_COMPILE_CACHE: COMPILE_CACHE, ...more }
}
