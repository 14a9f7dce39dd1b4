/**
 * How tests start Node. tap changes NODE_OPTIONS in the environment of each process that a test starts, so that it loads tap's own modules and
 * these look at every module: a Weir then takes twice the CPU until it has started and ended.
 */
const WINDOWS = process.platform === 'win32'

/** The command, in front of NODE_FIRST and the arguments for Node. It replaces itself by Node, so the process is the one that was started. */
export const NODE = WINDOWS ? process.execPath : '/usr/bin/env'

export const NODE_FIRST: readonly string[] = nodeFirst()

/** @param options the NODE_OPTIONS of the test's own */
export function nodeFirst (options?: string): readonly string[] {
  if (WINDOWS) return []
  return [...(options === undefined ? ['-u', 'NODE_OPTIONS'] : [`NODE_OPTIONS=${options}`]), process.execPath]
}
