import t from 'tap'
import { type Arguments, parseArguments } from '../../../src/cli/arguments.ts'
import { helpText } from '../../../src/cli/help-text.ts'
import { listConfigOptions } from '../../../src/config/options.ts'

const UNDERSTOOD: readonly (readonly [string, Arguments])[] = [
  ['run --config weir.yaml', { command: 'run', configFile: 'weir.yaml', flags: [] }],
  ['run --config=weir.yaml', { command: 'run', configFile: 'weir.yaml', flags: [] }],
  ['run -c weir.yaml', { command: 'run', configFile: 'weir.yaml', flags: [] }],
  ['run', { command: 'run', configFile: undefined, flags: [] }],
  ['run --admin-port 9902 --config weir.yaml --workers=2', { command: 'run', configFile: 'weir.yaml', flags: ['--admin-port', '9902', '--workers=2'] }],
  ['run stray', { command: 'run', configFile: undefined, flags: ['stray'] }],
  ['run --config=--odd', { command: 'run', configFile: '--odd', flags: [] }],
  ['validate --config weir.yaml', { command: 'validate', configFile: 'weir.yaml', flags: [] }],
  ['validate weir.yaml', { command: 'validate', configFile: 'weir.yaml', flags: [] }],
  ['validate - --workers 2', { command: 'validate', configFile: '-', flags: ['--workers', '2'] }],
  ['validate --workers 2 --offline weir.yaml', { command: 'validate', configFile: 'weir.yaml', flags: ['--workers', '2'], offline: true }],
  ['validate --workers=2 weir.yaml --offline', { command: 'validate', configFile: 'weir.yaml', flags: ['--workers=2'], offline: true }],
  ['--help', { command: 'help', topic: 'weir' }],
  ['-h', { command: 'help', topic: 'weir' }],
  ['help', { command: 'help', topic: 'weir' }],
  ['help run', { command: 'help', topic: 'run' }],
  ['help rollout report', { command: 'operate', words: ['rollout', 'report', '--help'] }],
  ['run --config x --help', { command: 'help', topic: 'run' }],
  ['validate -h', { command: 'help', topic: 'validate' }],
  ['--version', { command: 'version' }],
  ['-V', { command: 'version' }],
  ['version', { command: 'version' }]
]

for (const [line, expected] of UNDERSTOOD) {
  t.test(`weir ${line}`, async t => {
    t.same(parseArguments(line.split(' ')), expected)
  })
}

const WRONG: readonly (readonly [readonly string[], RegExp])[] = [
  [[], /needs a command/],
  [['rum'], /no command "rum"; did you mean run\?/],
  [['--config'], /no command "--config"/],
  [['--context', 'lab', 'status'], /flags stand behind the command/],
  [[''], /no command ""/],
  [['x'.repeat(1000)], /^weir has no command "x{80}"/],
  [['help', 'me'], /no help for "me"/],
  [['run', '--config'], /--config needs the path/],
  [['run', '--config='], /--config needs the path/],
  [['run', '--config', ''], /--config needs the path/],
  [['run', '--config', '--workers'], /--config needs the path/],
  [['run', '--config', 'a', '--config', 'b'], /given twice/],
  [['run', '--config', '-'], /has to be a file: only validate reads it from standard input/],
  [['state', 'export', '--config', '-'], /has to be a file/],
  [['state'], /needs export or import/],
  [['validate', 'a', 'b'], /given twice/],
  [['validate', 'a', '--config', 'b'], /given twice/],
  [['validate', ''], /needs the path/],
  [['version', 'x'], /version takes no arguments/],
  [['help', 'run', 'x'], /one topic/]
]

for (const [args, message] of WRONG) {
  t.test(`weir ${args.join(' ').slice(0, 40)} is refused with a remedy`, async t => {
    t.match(parseArguments(args), { command: 'wrong', message })
    t.match(parseArguments(args), { message: /Try: weir --help$/ })
  })
}

t.test('help names every command, and every flag with its default', async t => {
  const options = listConfigOptions()
  const general = helpText('weir', options)
  for (const command of ['run', 'validate', '--help', '--version']) t.match(general, `weir ${command}`)
  for (const topic of ['run', 'validate'] as const) {
    const text = helpText(topic, options)
    t.ok(options.length > 20)
    t.same(options.filter(({ flag, env }) => !text.includes(`  ${flag}\n`) || !text.includes(env)), [])
    t.match(text, 'default 9901; environment WEIR_ADMIN_PORT')
  }
})
