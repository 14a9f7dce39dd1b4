/**
 * Gives back to the system what a thread needed for its start and needs no more.
 *
 * One full garbage collection of this thread, after which empty pages are unmapped. The thread does nothing else
 * meanwhile: some 50 to 200 ms. V8 by itself collects when memory is asked for, so an idle thread would keep the garbage of its
 * start for good. Does nothing where V8 does not give its collector away.
 */
export async function releaseMemory (): Promise<void> {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import('node:v8'), import('node:vm')])
  // Contexts made while the flag is set have the function. It is reset at once: flags count for the whole process, and under
  // others than Node was built with, threads that start later compile Node's own modules anew.
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('globalThis.gc')
  setFlagsFromString('--no-expose-gc')
  if (typeof collect !== 'function') return
  // What was compiled to start goes too: little of it runs again, and that is compiled again when it does.
  setFlagsFromString('--stress-flush-code')
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  setFlagsFromString('--no-stress-flush-code')
}
