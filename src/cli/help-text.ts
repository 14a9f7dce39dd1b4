import { assertNever } from '../core/assert-never.ts'
import type { ConfigOption } from '../config/options.ts'
import type { HelpTopic } from './arguments.ts'

const WEIR = `Weir splits HTTP traffic between versions of a service.

Usage:
  weir run --config FILE [flags]        run the proxy
  weir run --quick 'stable=localhost:3000*90,canary=localhost:3001*10' [--port 8080]
                                        split between programs of this machine, without a file
  weir validate FILE [flags]            check a configuration and exit
  weir help run                         list the flags
  weir --help                           print this text
  weir --version                        print the version

The file may also be named by WEIR_CONFIG. Every option of the configuration that is a single value can be given by a
flag or an environment variable: flags win over the environment, which wins over the file.

Exit codes: 0 all is well, 1 the configuration is wrong or Weir failed, 2 the arguments are wrong: an unknown command or
flag, a flag with a wrong value, no configuration named.

Relative paths, on the command line as in the file, begin at the directory in which Weir is started.
`

const RUN = `Usage: weir run --config FILE [flags]
       weir run --quick VERSIONS [--port PORT] [flags]

Runs the proxy until SIGTERM or SIGINT, then finishes the requests in flight and exits. The configuration is read again
when its file changes.

--quick stands in place of a file: versions as name=host:port*weight with commas between, such as
'stable=localhost:3000*90,canary=localhost:3001*10', behind 127.0.0.1 and PORT, 8080 by default. Weights set at run time
are forgotten at the end.
`

const VALIDATE = `Usage: weir validate [--offline] FILE [flags]
       weir validate [--offline] - [flags]

Checks a configuration as \`weir run\` would, prints every fault with its place, and exits: 0 when it is valid, 1 when not,
2 when the arguments are wrong. \`-\` reads it from standard input; --config FILE and WEIR_CONFIG name it too.

The files that it names are tried as well: certificates, keys, authorities, tokens and the kubeconfig have to be there and
right, the state and the access log have to be writable. Ports are not tried.

  --offline
      Leaves those files alone: they may be only where Weir will run.
`

/**
 * The help of a topic.
 * @param options what can be given by flags
 */
export function helpText (topic: HelpTopic, options: readonly ConfigOption[]): string {
  switch (topic) {
    case 'weir': return WEIR
    case 'run': return `${RUN}\n${describeFlags(options)}`
    case 'validate': return `${VALIDATE}\n${describeFlags(options)}`
    default: return assertNever(topic)
  }
}

function describeFlags (options: readonly ConfigOption[]): string {
  const lines = options.map(({ flag, env, type, default: standard, description }) =>
    `  ${flag}\n      ${description}\n      ${type}${standard === null || standard === '' ? '' : `; default ${standard}`}; environment ${env}`)
  return `Flags:\n  --config FILE, -c FILE\n      The configuration; by default the file that WEIR_CONFIG names.\n${lines.join('\n')}\n`
}
