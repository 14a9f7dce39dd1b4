/**
 * Loaded into Node processes that tests start (`node --import`): they end when the process that started them is gone. One that is killed,
 * as the test runner does at a time-out, has no teardown, and would leave whole Weirs behind that take ports and processors of the next
 * run.
 */
import { isMainThread } from 'node:worker_threads'

const LOOK_MS = 250
const PARENT = 'parent'

// The number comes from the one who starts this: who asks only here may get that of whoever has adopted the process.
const parent = Number(new URL(import.meta.url).searchParams.get(PARENT))
if (isMainThread && parent > 0) {
  setInterval(() => {
    // Listeners of 'exit' are called, so that what this process has started in turn ends too.
    if (process.ppid !== parent) process.exit(1)
  }, LOOK_MS).unref()
}

/** The arguments for Node that make a child of this process end with it. */
export function endWithParent (): readonly string[] {
  const url = new URL(import.meta.url)
  url.search = new URLSearchParams({ [PARENT]: `${process.pid}` }).toString()
  return ['--import', url.href]
}
