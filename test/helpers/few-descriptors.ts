/**
 * A process that may have few descriptors, and so can be without any: a test file runs itself again as one.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import t from 'tap'
import { childEnvironment } from './child-environment.ts'

const VARIABLE = 'FEW_DESCRIPTORS'
/** A socket is gone a few turns of the event loop after its end. */
const TURNS = 50

/**
 * Runs `tests` in a process of the file that may have `few` descriptors.
 * @param file the test file that calls this
 */
export function withFewDescriptors (file: string, few: number, tests: () => void): void {
  if (process.env[VARIABLE] === String(few)) return tests()
  t.test('in a process with few descriptors', { skip: process.platform === 'win32' ? 'no such limit' : false }, async t => {
    const child = spawnSync('sh', ['-c', `ulimit -n ${few} && exec "$0" "$1"`, process.execPath, file], {
      encoding: 'utf8', env: childEnvironment({ [VARIABLE]: String(few) })
    })
    t.equal(child.status, 0, child.stdout + child.stderr)
  })
}

/** All descriptors that there were. */
export class TakenDescriptors {
  readonly #taken: number[] = []

  constructor () {
    this.take()
  }

  /** Takes what has become free since. */
  take (): void {
    for (;;) {
      try {
        this.#taken.push(openSync('/dev/null', 'r'))
      } catch {
        return
      }
    }
  }

  /** Takes all, those of sockets too that are just being closed. */
  static async whenAllIsClosed (): Promise<TakenDescriptors> {
    const taken = new TakenDescriptors()
    for (let turn = 0; turn < TURNS; turn++) {
      await new Promise<void>(resolve => { setImmediate(resolve) })
      taken.take()
    }
    return taken
  }

  /** Gives so many back; all by default. */
  free (count = this.#taken.length): void {
    for (const descriptor of this.#taken.splice(0, count)) closeSync(descriptor)
  }
}
