import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { PATIENCE_MS } from '../../helpers/patience.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

interface Message {
  readonly opened?: string
  readonly errors?: number
  readonly committed?: string
  readonly failed?: string
}

const WRITER = new URL('../../helpers/state-writer.ts', import.meta.url)

/** A writer, and everything that it has said. */
class Writer {
  readonly child: ChildProcess
  readonly #exited: Promise<unknown>
  #heard: Message[] = []

  constructor (path: string) {
    // Not what the test runner makes Node load into tests: that costs more than the writer.
    this.child = fork(WRITER, [path], { execPath: NODE, execArgv: [...NODE_FIRST], env: childEnvironment(), stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#exited = once(this.child, 'exit')
    // The other side is a script of ours.
    this.child.on('message', (message: Message) => { this.#heard.push(message) })
  }

  /**
   * Waits for the next message that has what is asked for.
   * @throws Error when another one says that it failed, when it is gone, or says nothing
   */
  async hear (key: keyof Message): Promise<Message> {
    for (;;) {
      const message = this.#heard.shift()
      if (message?.[key] !== undefined) return message
      if (message?.failed !== undefined) throw new Error(message.failed)
      if (message === undefined) await this.#more()
    }
  }

  async #more (): Promise<void> {
    const { pid, exitCode, signalCode } = this.child
    if (exitCode !== null || signalCode !== null) throw new Error(`the writer ${String(pid)} has ended: ${String(exitCode ?? signalCode)}`)
    const patience = AbortSignal.timeout(PATIENCE_MS)
    await Promise.race([once(this.child, 'message', { signal: patience }), this.#exited])
  }

  /** What was said before now is not heard any more. */
  forget (): void {
    this.#heard = []
  }

  async kill (): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#exited
  }

  async end (): Promise<void> {
    await this.#exited
  }
}

t.test('kill -9 right after a commit was reported never loses it', async t => {
  const path = join(await temporaryDirectory(t), 'state.json')
  let promised = 0
  for (let round = 0; round < 12; round++) {
    const writer = new Writer(path)
    const opened = await writer.hear('opened')
    t.equal(opened.errors, 0, 'the file is whole')
    t.ok(Number(opened.opened) >= promised, `round ${round}: ${String(opened.opened)} is there, ${promised} was promised`)
    // A different number of commits every time, so that the kill hits different moments of the next one.
    for (let commits = 0; commits <= round % 4; commits++) promised = Number((await writer.hear('committed')).committed)
    await writer.kill()
  }
  t.ok(promised >= 12)
  t.same((await readdir(join(path, '..'))).filter(name => name.includes('corrupt')), [])
})

t.test('a second process is refused while the first lives, and takes over when it is dead', async t => {
  const path = join(await temporaryDirectory(t), 'state.json')
  const first = new Writer(path)
  await first.hear('committed')
  const second = new Writer(path)
  const { failed } = await second.hear('failed')
  t.match(failed, new RegExp(`used by process ${String(first.child.pid)}`))
  await second.end()
  first.forget()
  await first.hear('committed')
  t.pass('the first one goes on')
  await first.kill()
  const third = new Writer(path)
  t.ok(Number((await third.hear('opened')).opened) >= 1)
  await third.kill()
})
