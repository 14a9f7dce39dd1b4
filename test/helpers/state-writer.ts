/**
 * A process that opens a state file and commits one number after another, saying each to its parent when it is
 * committed. Started by tests, which kill it.
 *
 *     node state-writer.ts PATH
 */
import { systemClock } from '../../src/core/clock.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { ListLog } from './list-log.ts'
import { textCodec } from './text-codec.ts'

/** Resolves when the message has been handed over, so that the parent hears of a commit before the next one begins. */
function report (message: object): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) throw new Error('start this with fork()')
    process.send(message, undefined, undefined, error => { error === null ? resolve() : reject(error) })
  })
}

const [path = ''] = process.argv.slice(2)
const log = new ListLog()

try {
  const store = await FileStore.open({ path, codec: textCodec, clock: systemClock, log })
  let { value, version } = await store.read()
  await report({ opened: value, errors: log.at('error').length })
  for (let count = Number(value) + 1; process.connected; count++) {
    value = String(count)
    const swapped = await store.compareAndSwap(version, value)
    if (!swapped.ok) throw new Error('conflict')
    version = swapped.version
    await report({ committed: value })
  }
} catch (error) {
  await report({ failed: error instanceof Error ? error.message : String(error) })
  process.disconnect?.()
}
