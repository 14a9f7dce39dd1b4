import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { ProcessLogger } from '../../../src/telemetry/process-logger.ts'
import type { LogLevel } from '../../../src/core/logger.ts'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { takeOverNow } from '../../helpers/take-over.ts'

function setUp (level: LogLevel): { logger: ProcessLogger, lines: () => ReadonlyArray<Readonly<Record<string, unknown>>>, raw: string[] } {
  const raw: string[] = []
  const logger = new ProcessLogger(level, { write: line => { raw.push(line) } })
  return { logger, raw, lines: () => raw.map((line): Record<string, unknown> => JSON.parse(line)) }
}

t.test('a message is a line of JSON with its level, time and fields', t => {
  const { logger, lines } = setUp('info')
  logger.warn('The watch ended', { namespace: 'default', restarts: 3, known: true })
  const [line] = lines()
  t.match(line, { level: 'warn', message: 'The watch ended', namespace: 'default', restarts: 3, known: true })
  t.match(line?.['time'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.strictSame(Object.keys(line ?? {}).sort(), ['known', 'level', 'message', 'namespace', 'restarts', 'time'])
  t.end()
})

t.test('the level decides what is logged, and can change', t => {
  const { logger, lines } = setUp('warn')
  const all = (): void => {
    logger.debug('debug')
    logger.info('info')
    logger.warn('warn')
    logger.error('error')
  }
  all()
  t.strictSame(lines().map(({ level }) => level), ['warn', 'error'])
  takeOverNow(logger.prepare('debug'))
  all()
  t.strictSame(lines().slice(2).map(({ message }) => message), ['debug', 'info', 'warn', 'error'])
  t.end()
})

t.test('hostile fields stay inside their line', t => {
  const { logger, raw, lines } = setUp('info')
  const hostile = 'a"\n{"level":"error"}\u0000\ud800\u001b[31m'
  logger.info('It came from outside', { value: hostile, level: 'error', message: 'mine', time: 0, long: 'x'.repeat(100_000) })
  t.equal(raw.length, 1)
  t.match(raw[0], /^[^\n]*\n$/)
  t.match(lines()[0], { level: 'info', message: 'It came from outside', level_: 'error', message_: 'mine', time_: 0 })
  t.ok((raw[0]?.length ?? 0) < 4_000)
  t.equal(raw[0]?.match(/"level":/g)?.length, 1)
  t.end()
})

t.test('standard error gets the lines, and its end does not end the process', async t => {
  const program = `
    import { ProcessLogger } from '${path.resolve(import.meta.dirname, '../../../src/telemetry/process-logger.ts')}'
    const logger = new ProcessLogger('info')
    logger.info('before')
    const last = () => { logger.error('nor this'); process.stdout.write('alive'); process.exitCode = 7 }
    process.stdin.resume().once('end', () => {
      for (let index = 0; index < 100; index++) logger.info('nobody reads this')
      // What the system says of those is told in the turns to come.
      let turns = 100
      const later = () => { turns-- > 0 ? setImmediate(later) : last() }
      later()
    })
  `
  const child = spawn(NODE, [...NODE_FIRST, '--input-type=module', '--eval', program], { env: childEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] })
  t.teardown(() => { child.kill('SIGKILL') })
  const out = text(child.stdout)
  const [line] = await once(child.stderr, 'data')
  t.match(JSON.parse(String(line)), { level: 'info', message: 'before' })
  child.stderr.destroy()
  child.stdin.end()
  const [code] = await once(child, 'exit')
  t.equal(await out, 'alive')
  t.equal(code, 7)
})

t.test('standard error that nobody reads neither blocks the process nor keeps it from ending', async t => {
  const program = `
    import { ProcessLogger } from '${path.resolve(import.meta.dirname, '../../../src/telemetry/process-logger.ts')}'
    const logger = new ProcessLogger('info')
    for (let index = 0; index < 3_000; index++) logger.info('nobody reads this', { value: 'x'.repeat(2_000) })
    process.stdout.write(String(process.stderr.writableLength))
    setImmediate(() => { process.exit(7) })
  `
  const child = spawn(NODE, [...NODE_FIRST, '--input-type=module', '--eval', program], { env: childEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => { child.kill('SIGKILL') })
  const waiting = text(child.stdout)
  const [code] = await once(child, 'exit')
  t.equal(code, 7)
  t.ok(Number(await waiting) > 0 && Number(await waiting) <= 1024 * 1024, `${await waiting} bytes waited`)
  child.stderr.destroy()
})

t.test('nothing that a terminal acts on reaches the line, and it reads back as it was', t => {
  const { logger, lines, raw } = setUp('info')
  const reason = 'a\u0085b\u009b31mc\u202ed\u2028e'
  logger.info('the weights of a route have changed', { reason })
  t.notMatch(raw[0], /[\u0080-\u009f\u2028\u202e]/)
  t.equal(lines()[0]?.['reason'], reason)
  t.end()
})
