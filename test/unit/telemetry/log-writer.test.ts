import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { systemClock, type Clock } from '../../../src/core/clock.ts'
import { openLogFile, type LogFile } from '../../../src/telemetry/log-file.ts'
import { LogWriter, type LogWriterOptions } from '../../../src/telemetry/log-writer.ts'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { RecordingLogger } from '../../helpers/recording-logger.ts'

/** A full pipe is tried again at once. */
const impatientClock: Clock = { ...systemClock, after: (delayMs, callback) => systemClock.after(delayMs > 1_000 ? delayMs : 0, callback) }

/** What the next writes do: take some bytes, or fail with a code. After the script every write takes all. */
type Behaviour = number | string

class ScriptedFile implements LogFile {
  readonly script: Behaviour[]
  text = ''
  closed = false

  constructor (...script: Behaviour[]) {
    this.script = script
  }

  async write (bytes: Uint8Array): Promise<number> {
    const behaviour = this.script.shift() ?? bytes.length
    if (typeof behaviour === 'string') throw Object.assign(new Error(`${behaviour}: scripted`), { code: behaviour })
    this.text += Buffer.from(bytes.subarray(0, behaviour)).toString()
    return Math.min(behaviour, bytes.length)
  }

  async close (): Promise<void> {
    this.closed = true
  }
}

function writerTo (file: LogFile, options: Partial<LogWriterOptions> = {}): { writer: LogWriter, logger: RecordingLogger } {
  const logger = new RecordingLogger()
  return { logger, writer: new LogWriter({ path: 'access.log', open: async () => file, clock: impatientClock, logger, ...options }) }
}

const lines = (...texts: readonly string[]): Buffer => Buffer.from(texts.map(text => `${text}\n`).join(''))

t.before(() => {
  // The system clock's timers do not keep the process alive.
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => { clearInterval(alive) })
})

t.test('batches are appended to the file in order', async t => {
  const file = path.join(t.testdir({ 'access.log': 'before\n' }), 'access.log')
  const writer = new LogWriter({ path: file, open: openLogFile, clock: systemClock, logger: new RecordingLogger() })
  const done: number[] = []
  for (let index = 0; index < 50; index++) writer.append(lines(`line ${index}`), () => { done.push(index) })
  await writer.close()
  const expected = Array.from({ length: 50 }, (_, index) => index)
  t.equal(await readFile(file, 'utf8'), `before\n${expected.map(index => `line ${index}\n`).join('')}`)
  t.strictSame(done, expected)
})

t.test('a rotated file is left behind when told to reopen', async t => {
  const dir = t.testdir()
  const file = path.join(dir, 'access.log')
  const writer = new LogWriter({ path: file, open: openLogFile, clock: systemClock, logger: new RecordingLogger() })
  await new Promise<void>(resolve => { writer.append(lines('old'), resolve) })
  await rename(file, `${file}.1`)
  await new Promise<void>(resolve => { writer.append(lines('still old'), resolve) })
  writer.reopen()
  writer.append(lines('new'))
  await writer.close()
  t.equal(await readFile(`${file}.1`, 'utf8'), 'old\nstill old\n')
  t.equal(await readFile(file, 'utf8'), 'new\n')
})

t.test('when reopening fails the old file stays in use', async t => {
  const file = new ScriptedFile()
  let opened = 0
  const open = async (): Promise<LogFile> => {
    if (opened++ > 0) throw new Error('EACCES: permission denied')
    return file
  }
  const { writer, logger } = writerTo(file, { open })
  await new Promise<void>(resolve => { writer.append(lines('a'), resolve) })
  writer.reopen()
  writer.append(lines('b'))
  await writer.close()
  t.equal(file.text, 'a\nb\n')
  t.match(logger.lines, [{ level: 'error', message: /could not be reopened/, fields: { path: 'access.log', reason: /EACCES/ } }])
})

t.test('short writes and a full pipe lose nothing', async t => {
  const file = new ScriptedFile(2, 'EAGAIN', 1, 'EAGAIN', 'EAGAIN', 0, 3)
  const { writer, logger } = writerTo(file)
  writer.append(lines('first', 'second'))
  writer.append(lines('third'))
  await writer.close()
  t.equal(file.text, 'first\nsecond\nthird\n')
  t.equal(writer.droppedLines, 0)
  t.strictSame(logger.lines, [])
})

t.test('a full disk costs the lines that it refused, and the next line starts on a line of its own', async t => {
  const file = new ScriptedFile(9, 'ENOSPC')
  const { writer, logger } = writerTo(file)
  const done: string[] = []
  writer.append(lines('first', 'second', 'third'), () => { done.push('refused') })
  writer.append(lines('fourth'), () => { done.push('written') })
  await writer.close()
  t.equal(file.text, 'first\nsec\nfourth\n')
  t.equal(writer.droppedLines, 2)
  t.strictSame(done, ['refused', 'written'])
  t.match(logger.lines, [{ level: 'error', fields: { path: 'access.log', reason: /ENOSPC/, remedy: /room/ } }])
})

t.test('a closed pipe drops and reports, and never throws', async t => {
  const file = new ScriptedFile('EPIPE', 'EPIPE')
  const { writer, logger } = writerTo(file)
  writer.append(lines('a', 'b'))
  writer.append(lines('c'))
  await writer.close()
  t.equal(writer.droppedLines, 3)
  t.equal(logger.lines.length, 2)
})

t.test('a file that cannot be opened is tried again with the next batch', async t => {
  const file = new ScriptedFile()
  let attempts = 0
  const { writer } = writerTo(file, {
    open: async () => {
      if (attempts++ === 0) throw new Error('ENOENT: no such directory')
      return file
    }
  })
  writer.append(lines('lost'))
  writer.append(lines('kept'))
  await writer.close()
  t.equal(file.text, 'kept\n')
  t.equal(writer.droppedLines, 1)
})

t.test('a file that hangs fills the queue and no more', async t => {
  const hanging: LogFile = { write: () => new Promise(() => {}), close: async () => {} }
  const clock = new FakeClock()
  const { writer } = writerTo(hanging, { clock, maxQueuedBytes: 10 })
  let done = 0
  for (let index = 0; index < 100; index++) writer.append(lines('1234'), () => { done++ })
  t.equal(writer.droppedLines, 98, 'two of 5 bytes fit')
  t.equal(done, 98)
  const closed = writer.close()
  clock.advance(2_000)
  await closed
  writer.append(lines('late'))
  t.equal(writer.droppedLines, 100, 'the one in the hanging write is not known to be lost')
})

t.test('closing ends the attempts on a pipe that stays full', async t => {
  const file = new ScriptedFile(...Array.from({ length: 1_000 }, () => 'EAGAIN'))
  const clock: Clock = { ...systemClock, after: (delayMs, callback) => systemClock.after(delayMs > 1_000 ? 20 : 1, callback) }
  const { writer } = writerTo(file, { clock })
  await new Promise<void>(resolve => {
    writer.append(lines('stuck'), resolve)
    void writer.close()
  })
  t.equal(writer.droppedLines, 1)
  t.equal(file.text, '')
})

t.test('standard output that nobody reads does not block the process', { skip: process.platform === 'win32' }, async t => {
  const root = path.resolve(import.meta.dirname, '../../..')
  const program = `
    import { LogWriter } from '${root}/src/telemetry/log-writer.ts'
    import { openLogFile } from '${root}/src/telemetry/log-file.ts'
    import { systemClock } from '${root}/src/core/clock.ts'
    const logger = { debug () {}, info () {}, warn () {}, error () {} }
    const writer = new LogWriter({ path: '-', open: openLogFile, clock: systemClock, logger, maxQueuedBytes: 1e6 })
    for (let index = 0; index < 100; index++) writer.append(Buffer.from('x'.repeat(65535) + '\\n'))
    setTimeout(() => { console.error('alive', writer.droppedLines) }, 1)
    process.stdin.resume().on('end', async () => { await writer.close(); process.exit(0) })
  `
  const child = spawn(NODE, [...NODE_FIRST, '--input-type=module', '--eval', program], { env: childEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] })
  t.teardown(() => { child.kill('SIGKILL') })
  const [said] = await once(child.stderr, 'data')
  t.match(String(said), /^alive 85/, 'the queue of 1 MB took 15 batches, the timer ran')
  let received = 0
  child.stdout.on('data', (chunk: Buffer) => { received += chunk.length })
  child.stdin.end()
  await once(child, 'close')
  t.equal(received, 15 * 65_536, 'and what was queued arrives once somebody reads')
})

t.test('standard output that is never read does not keep the process from ending', { skip: process.platform === 'win32' }, async t => {
  const root = path.resolve(import.meta.dirname, '../../..')
  const program = `
    import { LogWriter } from '${root}/src/telemetry/log-writer.ts'
    import { openLogFile } from '${root}/src/telemetry/log-file.ts'
    import { systemClock } from '${root}/src/core/clock.ts'
    const logger = { debug () {}, info () {}, warn () {}, error () {} }
    const clock = { ...systemClock, after: (delayMs, callback) => systemClock.after(Math.min(delayMs, 20), callback) }
    const writer = new LogWriter({ path: '-', open: openLogFile, clock, logger })
    const alive = setInterval(() => {}, 1_000)
    for (let index = 0; index < 10; index++) writer.append(Buffer.from('x'.repeat(999_999) + '\\n'))
    await writer.close()
    process.exit(7)
  `
  const child = spawn(NODE, [...NODE_FIRST, '--input-type=module', '--eval', program], { env: childEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { child.kill('SIGKILL') })
  const [code] = await once(child, 'exit')
  t.equal(code, 7)
  child.stdout.destroy()
})

// A pipe is closed when its reader has ended: what is written before that is taken.
for (const [name, shell, isOver] of [['a file', 'exec "$@" >"$0" ', 'index < 3'], ['a closed pipe', 'exec "$@" | true', 'writer.droppedLines === 0']] as const) {
  t.test(`standard output may be ${name}`, { skip: process.platform === 'win32' }, async t => {
    const root = path.resolve(import.meta.dirname, '../../..')
    const file = path.join(t.testdir(), 'out')
    const program = `
      import { LogWriter } from '${root}/src/telemetry/log-writer.ts'
      import { openLogFile } from '${root}/src/telemetry/log-file.ts'
      import { systemClock } from '${root}/src/core/clock.ts'
      const logger = { debug () {}, info () {}, warn () {}, error () {} }
      const writer = new LogWriter({ path: '-', open: openLogFile, clock: systemClock, logger })
      for (let index = 0; ${isOver}; index++) await new Promise(resolve => { writer.append(Buffer.from('line ' + index + '\\n'), resolve) })
      await writer.close()
      console.error('ended well', writer.droppedLines)
    `
    const child = spawn('sh', ['-c', shell, file, process.execPath, '--input-type=module', '--eval', program], { env: childEnvironment(), stdio: ['ignore', 'ignore', 'pipe'] })
    t.teardown(() => { child.kill('SIGKILL') })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString() })
    await once(child, 'close')
    if (name === 'a file') {
      t.equal(said, 'ended well 0\n')
      t.equal(await readFile(file, 'utf8'), 'line 0\nline 1\nline 2\n')
    } else {
      t.match(said, /^ended well 1\n$/, 'the first line that the pipe does not take is dropped')
    }
  })
}
