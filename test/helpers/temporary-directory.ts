import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Test } from 'tap'

/** Where Linux keeps files in memory. */
const IN_MEMORY = '/dev/shm'

/**
 * A directory that is gone after the test. Outside of the checkout, where nothing else watches, and in memory where that can be: on a disk
 * that others write to, each sync of a state file may take seconds, and a killed process loses nothing that it has written either way.
 */
export async function temporaryDirectory (t: Pick<Test, 'teardown'>): Promise<string> {
  const directory = await mkdtemp(path.join(home(), 'weir-test-'))
  t.teardown(async () => { await rm(directory, { recursive: true, force: true }) })
  return directory
}

function home (): string {
  try {
    accessSync(IN_MEMORY, constants.W_OK)
    return IN_MEMORY
  } catch {
    return tmpdir()
  }
}
