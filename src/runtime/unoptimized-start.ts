/** V8 options by which somebody has said what is optimized; V8 takes `_` for `-`. */
const OPTIMIZER_OPTION = /--(?:no[-_]?)?(?:opt\b|turbofan|always[-_]turbofan|jitless|lite[-_]mode|max[-_]optimized)/

/**
 * Keeps V8's optimizing compiler off until the function that it returns is called. What gets hot in a start is Node's own handling of paths
 * and URLs while modules are loaded, which hardly runs again; to optimize two functions of it, 5 MiB of the compiler's program text come
 * into memory, and stay. The flag counts for the whole process, so for the workers too, which serve nobody yet.
 *
 * Does nothing in a process that was started with V8 options of this kind.
 */
export async function startUnoptimized ({ execArgv, env }: Pick<NodeJS.Process, 'execArgv' | 'env'>): Promise<() => void> {
  if (OPTIMIZER_OPTION.test([...execArgv, env['NODE_OPTIONS']].join(' '))) return () => {}
  const { setFlagsFromString } = await import('node:v8')
  setFlagsFromString('--no-opt')
  return () => { setFlagsFromString('--opt') }
}
