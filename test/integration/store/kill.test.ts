import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { COMPILE_CACHE } from '../../helpers/compile-cache.ts'

interface Message {
  readonly opened?: string
  readonly errors?: number
  readonly committed?: string
  readonly failed?: string
}

const WRITER = new URL('../../helpers/state-writer.ts', import.meta.url)

function start (path: string): { readonly child: ChildProcess, readonly exited: Promise<unknown> } {
  const child = fork(WRITER, [path], { env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  return { child, exited: once(child, 'exit') }
}

/** Waits for the first message that has what is asked for. */
async function hear (child: ChildProcess, key: keyof Message): Promise<Message> {
  for (;;) {
    // The other side is a script of ours.
    const [message] = await once(child, 'message') as [Message]
    if (message[key] !== undefined) return message
    if (message.failed !== undefined) throw new Error(message.failed)
  }
}

t.test('kill -9 right after a commit was reported never loses it', async (t) => {
  const path = join(t.testdir(), 'state.json')
  let promised = 0
  for (let round = 0; round < 12; round++) {
    const { child, exited } = start(path)
    const opened = await hear(child, 'opened')
    t.equal(opened.errors, 0, 'the file is whole')
    t.ok(Number(opened.opened) >= promised, `round ${round}: ${String(opened.opened)} is there, ${promised} was promised`)
    // A different number of commits every time, so that the kill hits different moments of the next one.
    for (let commits = 0; commits <= round % 4; commits++) promised = Number((await hear(child, 'committed')).committed)
    child.kill('SIGKILL')
    await exited
  }
  t.ok(promised >= 12)
  t.same((await readdir(join(path, '..'))).filter((name) => name.includes('corrupt')), [])
})

t.test('a second process is refused while the first lives, and takes over when it is dead', async (t) => {
  const path = join(t.testdir(), 'state.json')
  const first = start(path)
  await hear(first.child, 'committed')
  const second = start(path)
  const { failed } = await hear(second.child, 'failed')
  t.match(failed, new RegExp(`used by process ${String(first.child.pid)}`))
  await second.exited
  await hear(first.child, 'committed')
  t.pass('the first one goes on')
  first.child.kill('SIGKILL')
  await first.exited
  const third = start(path)
  t.ok(Number((await hear(third.child, 'opened')).opened) >= 1)
  third.child.kill('SIGKILL')
  await third.exited
})
