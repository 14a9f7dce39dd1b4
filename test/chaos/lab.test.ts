/** `npm run lab` as a process: its steps and figures are those of docs/lab.md, it fails when something is wrong, and leaves nothing behind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { NODE, NODE_FIRST } from '../helpers/bare-node.ts'
import { FULL } from '../helpers/chaos-scale.ts'
import { childEnvironment } from '../helpers/child-environment.ts'
import { endWithParent } from '../helpers/end-with-parent.ts'
import { until } from '../helpers/until.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const LAB = path.join(ROOT, 'deploy/examples/hello/lab.ts')

t.setTimeout(600_000)

class Lab {
  text = ''
  stderr = ''
  readonly #child

  constructor (args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn(NODE, [...NODE_FIRST, ...endWithParent(), LAB, ...args], { env: childEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => { this.text += text })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => { this.stderr += text })
  }

  get running (): boolean { return this.#child.exitCode === null && this.#child.signalCode === null }

  kill (signal: NodeJS.Signals): void { this.#child.kill(signal) }

  /** The processes that it has started. */
  children (): readonly number[] {
    return globSync('/proc/[0-9]*/stat').flatMap(file => {
      const [pid = '', , ppid] = statOf(file) ?? []
      return Number(ppid) === this.#child.pid ? [Number(pid)] : []
    })
  }

  async end (): Promise<number | null> {
    if (this.running) await once(this.#child, 'close')
    return this.#child.exitCode
  }
}

/** Process, state and parent; undefined when it is gone. */
function statOf (file: string): readonly string[] | undefined {
  try {
    const text = readFileSync(file, 'utf8')
    return [text.slice(0, text.indexOf(' ')), ...text.slice(text.lastIndexOf(')') + 2).split(' ', 2)]
  } catch {
    return undefined
  }
}

function startLab (t: Test, args: readonly string[], env: Readonly<Record<string, string>> = {}): Lab {
  const lab = new Lab(args, env)
  t.teardown(async () => {
    lab.kill('SIGKILL')
    await lab.end()
  })
  return lab
}

/** What differs from run to run, and with another number of clients. */
function masked (text: string): string {
  const timeless = text.replaceAll(/\d+ requests while it changed, in \d+\.\d s/g, 'N requests while it changed, in N s')
    .replaceAll(/\d+ requests sent, 0 failed, \d+ counted by Weir, in \d+\.\d s/g, 'N requests sent, 0 failed, N counted by Weir, in N s')
  return FULL ? timeless : timeless.replaceAll(/\d+/g, 'N')
}

/** The blocks of the page that show what the lab prints, one after the other. */
function shownOnPage (): string {
  const page = readFileSync(path.join(ROOT, 'docs/lab.md'), 'utf8')
  return [...page.matchAll(/<!-- lab -->\n```console\n([^]*?)^```$/gm)].map(([, block = '']) => block).join('\n')
}

t.test('it plays what docs/lab.md shows, step by step, and no request fails', async t => {
  const lab = startLab(t, FULL ? [] : ['--clients', '20'])
  t.equal(await lab.end(), 0, lab.stderr)
  t.equal(masked(lab.text), masked(shownOnPage()))
  const [, sent, counted] = /(\d+) requests sent, 0 failed, (\d+) counted/.exec(lab.text) ?? []
  t.ok(sent !== undefined && sent === counted)
})

t.test('it fails when requests fail, and says in which step', async t => {
  const lab = startLab(t, ['--clients', '20'], { HELLO_ERROR_RATE: '1' })
  t.equal(await lab.end(), 1)
  t.match(lab.text, /FAILED 20 of 20 requests failed: 127\.0\.0\.2 GET \/: 500 hello 1\.0\.0 failed on purpose/)
  t.match(lab.text, /\nThe lab has failed in step 1, Deploy\.\n$/)
})

t.test('a Ctrl-C ends it with everything that it has started', async t => {
  const lab = startLab(t, ['--clients', '20'])
  await until(() => lab.text.includes('2. Scale') || !lab.running)
  const children = lab.children()
  // Weir, auth and hello.
  t.ok(children.length >= 3, `${children.length} processes`)
  lab.kill('SIGINT')
  t.equal(await lab.end(), 130)
  t.match(lab.stderr, /^lab: ended by SIGINT\n$/)
  await until(() => children.every(pid => [undefined, 'Z'].includes(statOf(`/proc/${pid}/stat`)?.[1])))
})
