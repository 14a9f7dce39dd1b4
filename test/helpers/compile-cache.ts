import path from 'node:path'

/**
 * For the environment of processes that tests start over and over, as NODE_COMPILE_CACHE: Node keeps what it has compiled there, by
 * content. Most of the time that a small program takes to start is that of taking the types away.
 */
export const COMPILE_CACHE = path.resolve(import.meta.dirname, '../../node_modules/.cache/weir-tests')
